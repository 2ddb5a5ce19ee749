"""What is found, on the real engine with the real embedder."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray

from palimpsest.memory import bm25
from palimpsest.memory.model import (
    Cursor,
    Kind,
    Memory,
    Pattern,
    memory_id,
)
from palimpsest.memory.query import Query
from palimpsest.memory.relevance import UNRELATED_TEXTS
from palimpsest.memory.retrieval import Hit, Retriever
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.model import Entry, IndexStep

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SHOP = "/home/me/shop"
SAID = (
    "Which database do we use for the invoices?",
    "It is CockroachDB, since March.",
    "The colour of the header should be teal.",
    "Deploys go out on Tuesdays, after the standup.",
    "Read src/tax.py\n1→RATES = {'DE': 19}",
    "Let us look at the logs of the payment worker.",
    "The payment worker retries four times, then gives up with E4711.",
    "Thanks!",
)


def turn(
    text: str, position: int, project: str = SHOP, conversation: str = "conv_1", days: int = 3
) -> Memory:
    return Memory(
        id=memory_id("default", project, Kind.TURN, conversation, text),
        tenant="default",
        project=project,
        kind=Kind.TURN,
        text=text,
        position=position,
        conversation=conversation,
        said_at=NOW - timedelta(days=days),
    )


class Known:
    """Memories in an index, and a way to look them up."""

    def __init__(self, index: EmbeddedIndex, embedder: StaticEmbedder) -> None:
        self.index = index
        self.embedder = embedder
        self.memories: dict[str, Memory] = {}
        self.retriever = Retriever(embedder, index, self.lookup, "default")

    async def put(self, memories: Sequence[Memory]) -> None:
        vectors = self.embedder.embed_now([memory.text for memory in memories])
        entries = [
            Entry(memory, vector, bm25.document_weights(memory.text))
            for memory, vector in zip(memories, vectors, strict=True)
        ]
        since = await self.index.cursor()
        await self.index.write(IndexStep(entries, (), since, Cursor(since.changed + 1)))
        self.memories |= {memory.id: memory for memory in memories}

    async def lookup(self, ids: Sequence[str], caller: str | None = None) -> list[Memory]:
        return [self.memories[one] for one in ids if one in self.memories]

    async def found(self, text: str, *, everywhere: bool = False, limit: int = 40) -> list[str]:
        query = Query(text, project=SHOP, everywhere=everywhere, now=NOW, limit=limit)
        return [hit.memory.text for hit in await self.retriever.search(query)]


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


@pytest.fixture
async def known(tmp_path: Path, embedder: StaticEmbedder) -> AsyncGenerator[Known]:
    index = EmbeddedIndex(tmp_path, embedder.name, embedder.dimension)
    known = Known(index, embedder)
    await known.put([turn(text, position) for position, text in enumerate(SAID)])
    yield known
    await index.close()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When do we deploy?", 3),
        ("What was the tax rate in RATES again?", 4),
        ("how many times does the payment worker retry", 6),
        ("which colour has the header", 2),
        ("what does E4711 mean", 6),
    ],
)
async def test_finds_what_was_asked_for_first(known: Known, question: str, answer: int) -> None:
    assert (await known.found(question))[:1] == [SAID[answer]]


async def test_an_answer_is_found_by_the_question_before_it(known: Known) -> None:
    found = await known.found("Which database do we use for the invoices?")
    assert found[:2] == [SAID[0], SAID[1]]


@pytest.mark.parametrize(
    "text", ["yes", "ok, continue", "Write a haiku about the sea.", "", "the of and"]
)
async def test_finds_nothing_where_nothing_is_asked_that_is_known(known: Known, text: str) -> None:
    assert await known.found(text) == []


async def test_stays_within_the_project_unless_told_otherwise(known: Known) -> None:
    there = turn("Deploys of the blog go out on Sundays.", 0, project="/blog", conversation="c2")
    await known.put([there])
    assert there.text not in await known.found("When do deploys of the blog go out?")
    assert there.text in await known.found("When do deploys of the blog go out?", everywhere=True)


async def test_leaves_out_what_is_in_the_prompt(known: Known) -> None:
    query = Query("When do we deploy?", project=SHOP, conversation="conv_1", now=NOW)
    hits = await known.retriever.search(query, lambda found: found.position == 3)
    assert SAID[3] not in [hit.memory.text for hit in hits]


async def test_says_the_same_only_once_and_the_newer(known: Known) -> None:
    text = "The staging password is rotated by the cron job rotate-staging every night at two."
    old = turn(text, 0, conversation="c2", days=300)
    new = turn(text, 0, conversation="c3", days=1)
    await known.put([old, new])
    query = Query("When does rotate-staging rotate the password?", project=SHOP, now=NOW)
    [hit] = await known.retriever.search(query)
    assert hit.memory == new


async def test_finds_what_two_questions_ask_for(known: Known) -> None:
    found = await known.found(
        "When do the deploys go out? "
        "And how many times does the payment worker retry before it gives up?"
    )
    assert {SAID[3], SAID[6]} <= set(found)


async def test_what_was_deleted_or_is_not_borne_out_is_not_told(known: Known) -> None:
    text = "When the deploy fails, run make unlock"
    pattern = Memory(
        id=memory_id("default", SHOP, Kind.PATTERN, text),
        tenant="default",
        project=SHOP,
        kind=Kind.PATTERN,
        text=text,
        detail=Pattern("the deploy fails", ("make unlock",)),
        said_at=NOW,
    )
    await known.put([pattern])
    assert text not in await known.found("the deploy fails")
    known.memories[pattern.id] = replace(pattern, confirmed=True)
    assert text in await known.found("the deploy fails")
    del known.memories[pattern.id]
    assert text not in await known.found("the deploy fails")


async def test_a_reranker_puts_the_best_in_another_order(known: Known) -> None:
    class Backwards:
        async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
            return [float(place) for place in range(len(texts))]

    query = Query("the payment worker and its logs", project=SHOP, now=NOW)
    hits: list[Hit] = await known.retriever.search(query)
    other = Retriever(known.embedder, known.index, known.lookup, "default", reranker=Backwards())
    assert len(hits) > 1
    assert await other.search(query) == hits[::-1]


async def test_a_search_that_was_given_up_does_not_stop_the_next(
    embedder: StaticEmbedder, known: Known
) -> None:
    class Slow:
        name, dimension = embedder.name, embedder.dimension
        asked: ClassVar[list[int]] = []
        gate = asyncio.Event()

        async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            self.asked.append(len(texts))
            if len(texts) > 1:
                await self.gate.wait()
            return embedder.embed_now(texts)

    slow = Slow()
    retriever = Retriever(slow, known.index, known.lookup, "default")
    query = Query("When do we deploy?", project=SHOP, now=NOW)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await retriever.search(query)
    slow.gate.set()
    assert (await retriever.search(query))[0].memory.text == SAID[3]
    assert slow.asked == [1, len(UNRELATED_TEXTS), 1]


async def test_no_more_than_were_asked_for(known: Known) -> None:
    assert len(await known.found("the payment worker and its logs", limit=1)) == 1
