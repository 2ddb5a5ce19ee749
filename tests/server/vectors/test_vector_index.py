"""What every vector index does, whichever engine is below."""

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import AsyncQdrantClient

from palimpsest.memory.model import Cursor, Kind
from palimpsest.runtime.errors import IndexUnavailable
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.model import Entry, IndexStep, SearchFilter, Span, Sparse, VectorIndex
from palimpsest.store.vectors.qdrant import QdrantIndex, client_of
from tests.support.generated_memories import (
    BEGAN,
    DIMENSION,
    direction,
    entry,
    memory,
)

ALL = SearchFilter("default")
NOTHING = Sparse((), ())
VECTORS = "test vectors"
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")


async def opened(backend: str, directory: Path) -> VectorIndex:
    if backend == "embedded":
        return EmbeddedIndex(directory, VECTORS, DIMENSION)
    # The server's own client carries the calls out itself here, as far as it can.
    url = os.environ.get("QDRANT_URL")  # noqa: TID251
    if backend == "server" and url is None:
        pytest.skip("no QDRANT_URL")
    local = AsyncQdrantClient(path=str(directory))
    return QdrantIndex(
        client_of(url, {}) if backend == "server" and url else local, VECTORS, DIMENSION
    )


@pytest.fixture(params=["embedded", "client", "server"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
async def index(backend: str, tmp_path: Path) -> AsyncGenerator[VectorIndex]:
    index = await opened(backend, tmp_path)
    if backend == "server":
        await index.clear()
    yield index
    await index.close()


async def ids(index: VectorIndex, where: SearchFilter) -> set[int]:
    """The positions of what is found; both queries and the count tell the same."""
    found = await index.find(direction(0), Sparse((0,), (1.0,)), where, 100)
    assert found.near.keys() == found.matching.keys() == found.found.keys()
    assert await index.count(where) == len(found.near)
    return {one.position for one in found.found.values()}


async def matching(index: VectorIndex, words: Sparse, limit: int = 5) -> Mapping[str, float]:
    return (await index.find(direction(0), words, ALL, limit)).matching


async def put(index: VectorIndex, entries: Sequence[Entry], forgotten: Sequence[str] = ()) -> None:
    since = await index.cursor()
    await index.write(IndexStep(entries, forgotten, since, Cursor(since.changed + 1)))


async def test_finds_the_nearest_first_with_its_cosine(index: VectorIndex) -> None:
    await put(index, [entry(number) for number in range(10)])
    found = await index.find(direction(7), NOTHING, ALL, 3)
    (first, cosine), (second, other), (_, least) = found.near.items()
    assert first == memory(7).id
    assert cosine == pytest.approx(1.0, abs=1e-5)
    position = found.found[second].position
    assert other == pytest.approx(float(direction(7) @ direction(position)), 1e-4)
    assert cosine > other > least
    assert found.matching == {}


async def test_a_rare_word_weighs_more_than_a_common_one(index: VectorIndex) -> None:
    await put(index, [entry(number) for number in range(10)])
    found = await matching(index, Sparse((0, 5), (1.0, 1.0)), 10)
    (first, score), (_, other), *_ = found.items()
    assert first == memory(4).id
    assert score > 5 * other > 0
    assert await matching(index, Sparse((999,), (1.0,))) == {}


async def test_finds_by_meaning_and_by_words_at_once(index: VectorIndex) -> None:
    await put(index, [entry(number) for number in range(10)])
    found = await index.find(direction(7), Sparse((5,), (1.0,)), ALL, 1)
    assert list(found.near) == [memory(7).id]
    assert list(found.matching) == [memory(4).id]
    assert {name: one.id for name, one in found.found.items()} == {
        name: name for name in (memory(7).id, memory(4).id)
    }


async def test_tells_what_ranking_needs(index: VectorIndex) -> None:
    known = memory(5, conversation="other", project="/q", kind=Kind.FIX)
    await put(index, [entry(5, known)])
    [found] = (await index.find(direction(5), NOTHING, ALL, 10)).found.values()
    assert (found.id, found.kind, found.project) == (known.id, Kind.FIX, "/q")
    assert (found.conversation, found.position, found.part) == ("other", 5, 2)
    assert found.said_at == known.said_at


async def test_looks_only_where_it_is_told(index: VectorIndex) -> None:
    await put(
        index,
        [
            entry(0),
            entry(1, memory(1, tenant="stranger")),
            entry(2, memory(2, project="/q")),
            entry(3, memory(3, conversation="d")),
            entry(4, memory(4, kind=Kind.PATTERN, language="python")),
            entry(5, memory(5, kind=Kind.FIX, files=("a.py", "b/c.py"))),
        ],
    )
    assert await ids(index, ALL) == {0, 2, 3, 4, 5}
    assert await ids(index, SearchFilter("stranger")) == {1}
    assert await ids(index, SearchFilter("nobody")) == set()
    assert await ids(index, replace(ALL, projects=("/q",))) == {2}
    assert await ids(index, replace(ALL, projects=("/q", "/p"))) == {0, 2, 3, 4, 5}
    assert await ids(index, replace(ALL, conversation="d")) == {3}
    assert await ids(index, replace(ALL, kinds=(Kind.PATTERN, Kind.FIX))) == {4, 5}
    assert await ids(index, replace(ALL, language="python")) == {4}
    assert await ids(index, replace(ALL, file="b/c.py")) == {5}
    assert await ids(index, replace(ALL, file="c.py")) == set()
    assert await ids(index, replace(ALL, kinds=(Kind.FIX,), language="python")) == set()
    two = (memory(0).id, memory(3, conversation="d").id, memory(77).id)
    assert await ids(index, replace(ALL, ids=two)) == {0, 3}
    assert await ids(index, replace(ALL, ids=two, conversation="d")) == {3}


async def test_looks_only_at_the_times_it_is_told(index: VectorIndex) -> None:
    await put(index, [entry(number) for number in range(6)])
    second, fourth = (BEGAN + timedelta(minutes=number) for number in (2, 4))
    assert await ids(index, replace(ALL, since=second)) == {2, 3, 4, 5}
    assert await ids(index, replace(ALL, until=second)) == {0, 1, 2}
    assert await ids(index, replace(ALL, since=second, until=fourth)) == {2, 3, 4}
    moment = timedelta(microseconds=1)
    assert await ids(index, replace(ALL, since=second + moment, until=fourth - moment)) == {3}


async def test_looks_at_spans_of_conversations(index: VectorIndex) -> None:
    await put(index, [entry(number) for number in range(6)])
    await put(index, [entry(10 + n, memory(10 + n, conversation="d")) for n in range(6)])
    spans = (Span("c", 2, 3), Span("d", 12, 12), Span("d", 0, 3))
    assert await ids(index, replace(ALL, spans=spans)) == {2, 3, 12}
    assert await ids(index, replace(ALL, spans=spans, conversation="d")) == {12}
    assert await ids(index, replace(ALL, projects=("/q",), spans=spans)) == set()
    wide = (Span("c", 4, 1_000_000), Span("d", 0, 10))
    assert await ids(index, replace(ALL, spans=wide)) == {4, 5, 10}


async def test_the_same_twice_is_there_once_and_the_latest_counts(index: VectorIndex) -> None:
    await put(index, [entry(1), entry(2)])
    await put(index, [entry(1), entry(2)])
    assert await index.count(ALL) == 2
    changed = memory(1)
    await put(index, [replace(entry(9, changed), sparse=Sparse((77,), (1.0,)))])
    assert await index.count(ALL) == 2
    assert list(await matching(index, Sparse((77,), (1.0,)))) == [changed.id]
    assert await matching(index, Sparse((2,), (1.0,))) == {}
    [cosine] = (await index.find(direction(9), NOTHING, ALL, 1)).near.values()
    assert cosine == pytest.approx(1.0, abs=1e-5)


async def test_takes_memories_without_words(index: VectorIndex) -> None:
    await put(index, [entry(1, words=Sparse((), ()))])
    assert len((await index.find(direction(1), NOTHING, ALL, 5)).near) == 1


async def test_deletes_also_what_is_not_there(index: VectorIndex) -> None:
    await put(index, [entry(1), entry(2)])
    await put(index, [], [memory(1).id, memory(8).id])
    assert await ids(index, ALL) == {2}


async def test_refuses_a_step_from_elsewhere(index: VectorIndex) -> None:
    await put(index, [entry(1)])
    with pytest.raises(IndexUnavailable):
        await index.write(IndexStep([entry(2)], [memory(1).id], Cursor(7), Cursor(8)))
    assert await index.cursor() == Cursor(1)
    assert await ids(index, ALL) == {1}


async def test_takes_vectors_without_a_direction(index: VectorIndex) -> None:
    nowhere = replace(entry(1), dense=np.zeros(DIMENSION, np.float32))
    await put(index, [nowhere, entry(2)])
    found = await index.find(direction(2), Sparse((0,), (1.0,)), ALL, 5)
    assert next(iter(found.near)) == memory(2).id
    assert len(found.matching) == 2


async def test_begins_at_the_start_and_remembers_how_far_it_came(
    index: VectorIndex, backend: str, tmp_path: Path
) -> None:
    assert await index.cursor() == Cursor()
    await index.write(IndexStep([entry(1)], [], Cursor(), Cursor(41, memory(1).id)))
    assert await index.cursor() == Cursor(41, memory(1).id)
    await index.close()
    again = await opened(backend, tmp_path)
    try:
        assert await again.cursor() == Cursor(41, memory(1).id)
        assert await ids(again, ALL) == {1}
        await again.clear()
        assert await again.cursor() == Cursor()
        assert await again.count(ALL) == 0
        await put(again, [entry(2)])
        assert await ids(again, ALL) == {2}
    finally:
        await again.close()
