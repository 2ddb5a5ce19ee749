"""What two conversations taught is offered in a third: learned by the activities, indexed and
retrieved by the real engine with the real embedder."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from palimpsest.memory.indexer import Indexer
from palimpsest.memory.model import (
    Fix,
    Kind,
    Memory,
    Pattern,
)
from palimpsest.memory.query import Query
from palimpsest.memory.retrieval import Retriever
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from tests.support.agent_work import ROOT, Doing, mended
from tests.support.learner import Learner
from tests.support.stored_conversation import TENANT

PASTED = """make lint tells me this, please mend it:
pkg/store/disk.go:88:2: Error return value of `file.Close` is not checked (errcheck)
\tfile.Close()"""


class Offers:
    def __init__(self, learner: Learner, index: EmbeddedIndex, embedder: StaticEmbedder) -> None:
        self._indexer = Indexer(learner.memories, index, embedder)
        self._retriever = Retriever(embedder, index, learner.memories.get, TENANT)

    async def to(self, text: str) -> list[Memory]:
        """What is offered to a person's turn in another conversation of the project."""
        assert await self._indexer.catch_up(10)
        query = Query(text, project=ROOT, conversation="another")
        return [hit.memory for hit in await self._retriever.search(query)]


@pytest.fixture
async def offers(learner: Learner, tmp_path: Path) -> AsyncGenerator[Offers]:
    embedder = StaticEmbedder.load()
    index = EmbeddedIndex(tmp_path, embedder.name, embedder.dimension)
    yield Offers(learner, index, embedder)
    await index.close()


async def test_a_fix_of_two_conversations(learner: Learner, offers: Offers) -> None:
    await learner.said(mended("path").built, "one")
    assert not [memory for memory in await offers.to(PASTED) if memory.kind is Kind.FIX]
    await learner.said(mended("other.file").built, "two")
    [fix] = [memory for memory in await offers.to(PASTED) if memory.kind is Kind.FIX]
    assert isinstance(fix.detail, Fix)
    assert "//nolint:errcheck" in fix.detail.remedy
    await learner.memories.record_outcome(fix.id, False)
    await learner.memories.record_outcome(fix.id, False)
    assert not [memory for memory in await offers.to(PASTED) if memory.kind is Kind.FIX]


async def test_a_command_of_two_conversations(learner: Learner, offers: Offers) -> None:
    for name in ("one", "two"):
        doing = Doing("What is in the shop?").run("mise run test:ci", "ok").run("ls", name)
        await learner.said(doing.run("mise run test:ci", name).built, name)
    [test] = [m for m in await offers.to("Please run the tests.") if m.kind is Kind.PATTERN]
    assert isinstance(test.detail, Pattern)
    assert test.detail.steps == ("`mise run test:ci`",)
