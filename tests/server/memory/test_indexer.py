"""The index follows Postgres: whatever happens to it, in the end it has what is known."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from harness.bench.generated_memories import GeneratedMemories
from palimpsest.memory.indexer import Indexer
from palimpsest.memory.model import Cursor, Memory, MemoryFilter
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.runtime.errors import EmbedderUnavailable, IndexUnavailable
from palimpsest.store.postgres.database import Database, normalised
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.model import SearchFilter
from palimpsest.store.vectors.qdrant import QdrantIndex, client_of
from tests.support.embedded_index import child, generations, graphs
from tests.support.generated_memories import direction, memory, near

ALL = SearchFilter("default")
EMBEDDER = StaticEmbedder.load()
PATIENCE = 20.0


def made(first: int, last: int) -> list[Memory]:
    return [memory(number, conversation="c") for number in range(first, last)]


@pytest.fixture
def memories(database: Database) -> MemoryStore:
    return MemoryStore(database, "default")


@pytest.fixture
async def index(tmp_path: Path) -> AsyncGenerator[EmbeddedIndex]:
    index = EmbeddedIndex(tmp_path, EMBEDDER.name, EMBEDDER.dimension)
    yield index
    await index.close()


@pytest.fixture
def indexer(memories: MemoryStore, index: EmbeddedIndex) -> Indexer:
    return Indexer(memories, index, EMBEDDER)


@asynccontextmanager
async def running(indexer: Indexer) -> AsyncGenerator[None]:
    loop = asyncio.create_task(indexer.run())
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop


async def until_it_has(index: EmbeddedIndex, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(IndexUnavailable):
                if await index.count(ALL) == count:
                    return
            await asyncio.sleep(0.05)


async def test_takes_in_what_is_saved_and_drops_what_is_forgotten(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer
) -> None:
    await memories.save(made(0, 300))
    assert await indexer.catch_up(PATIENCE)
    assert await index.count(ALL) == 300
    [dense] = await EMBEDDER.embed(["memory 7 of c"])
    assert await near(index, dense, 1) == [7]
    gone = await memories.forget(MemoryFilter(ids=(memory(7).id,)))
    assert gone == [memory(7).id]
    assert await indexer.catch_up(PATIENCE)
    assert await index.count(SearchFilter("default", ids=(memory(7).id,))) == 0
    assert await index.count(ALL) == 299


async def test_has_not_caught_up_with_what_no_one_is_told_of_yet(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer, url: str
) -> None:
    """While an older transaction runs, something older than the newest may still come."""
    older = await asyncpg.connect(normalised(url, "postgresql"))
    try:
        async with older.transaction():
            await older.execute("SELECT pg_current_xact_id()")
            await memories.save(made(0, 5))
            assert not await indexer.catch_up(0.5)
        assert await indexer.catch_up(PATIENCE)
        assert await index.count(ALL) == 5
    finally:
        await older.close()


async def test_an_edit_is_found_by_its_new_words(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer
) -> None:
    await memories.save(made(0, 5))
    assert await indexer.catch_up(PATIENCE)
    await memories.edit(memory(3).id, text="the quick brown fox")
    assert await indexer.catch_up(PATIENCE)
    [dense] = await EMBEDDER.embed(["a quick fox, brown"])
    assert await near(index, dense, 1) == [3]
    assert await index.count(ALL) == 5


async def test_follows_by_itself_and_at_once_when_it_is_woken(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer
) -> None:
    async with running(indexer):
        await memories.save(made(0, 10))
        indexer.wake()
        await until_it_has(index, 10)
        assert indexer.lag_seconds < PATIENCE
        assert indexer.entries_written == 10


async def test_a_lost_index_is_filled_again(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer
) -> None:
    await memories.save(made(0, 200))
    async with running(indexer):
        await until_it_has(index, 200)
        await index.clear()
        await until_it_has(index, 200)


async def test_nothing_is_lost_when_the_engine_is_killed_again_and_again(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer
) -> None:
    async with running(indexer):
        for first in range(0, 3000, 500):
            await memories.save(made(first, first + 500))
            indexer.wake()
            with suppress(ValueError):  # It is not up again yet.
                child().kill()
        await memories.forget(MemoryFilter(ids=tuple(one.id for one in made(0, 100))))
        await until_it_has(index, 2900)
    assert indexer.failures > 0


async def test_builds_the_graph_beside_what_goes_on(
    memories: MemoryStore, index: EmbeddedIndex, indexer: Indexer, tmp_path: Path
) -> None:
    await memories.save(made(0, 4200))
    async with running(indexer):
        await until_it_has(index, 4200)
        await memories.save(made(4200, 4300))
        async with asyncio.timeout(60):
            while not graphs(tmp_path) or len(generations(tmp_path / "0")) > 1:
                await near(index, direction(1, EMBEDDER.dimension), 1)
        await until_it_has(index, 4300)
        await memories.forget(MemoryFilter(ids=(memory(5).id,)))
        await until_it_has(index, 4299)
    assert indexer.failures == 0


async def test_builds_graphs_on_a_long_way(index: EmbeddedIndex, tmp_path: Path) -> None:
    indexer = Indexer(GeneratedMemories(4600), index, EMBEDDER, build_every=4200)
    assert await indexer.catch_up(60)
    assert graphs(tmp_path)
    assert await index.count(ALL) == 4600
    assert (indexer.failures, len(generations(tmp_path / "0"))) == (0, 1)


class Moody:
    """An embedder that is away at times."""

    name, dimension = EMBEDDER.name, EMBEDDER.dimension

    def __init__(self) -> None:
        self.away = True

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.away:
            raise EmbedderUnavailable("away")
        return await EMBEDDER.embed(texts)


async def test_waits_for_the_embedder(memories: MemoryStore, index: EmbeddedIndex) -> None:
    moody = Moody()
    indexer = Indexer(memories, index, moody)
    await memories.save(made(0, 10))
    assert not await indexer.catch_up(1)
    assert await index.cursor() == Cursor()
    moody.away = False
    assert await indexer.catch_up(PATIENCE)
    assert await index.count(ALL) == 10


async def test_an_index_that_is_away_is_told_quickly(memories: MemoryStore) -> None:
    away = QdrantIndex(client_of("http://127.0.0.1:9", {}, 2), "test", EMBEDDER.dimension)
    indexer = Indexer(memories, away, EMBEDDER)
    await memories.save(made(0, 10))
    async with asyncio.timeout(5):
        assert not await indexer.catch_up(4)
    with pytest.raises(IndexUnavailable, match="Qdrant"):
        await away.count(ALL)
    await away.close()


async def test_leaves_a_shared_index_to_the_one_whose_turn_it_is(
    memories: MemoryStore, index: EmbeddedIndex
) -> None:
    turn = {"first": True}

    async def first_is() -> bool:
        return turn["first"]

    async def second_is() -> bool:
        return not turn["first"]

    first = Indexer(memories, index, EMBEDDER, first_is)
    second = Indexer(memories, index, EMBEDDER, second_is)
    await memories.save(made(0, 10))
    assert not await second.catch_up(0.5)
    async with running(first):
        assert await second.catch_up(PATIENCE)
    assert (first.entries_written, second.entries_written) == (10, 0)
    turn["first"] = False
    await memories.save(made(10, 20))
    assert await second.catch_up(PATIENCE)
    assert second.entries_written == 10
