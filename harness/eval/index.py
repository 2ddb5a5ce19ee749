"""A memory index for one measurement: the product's embedder, vector engine and retriever over
memories of its own."""

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from palimpsest.gateway.model import EVERYONE
from palimpsest.memory import bm25
from palimpsest.memory.model import Cursor, Memory
from palimpsest.memory.query import Query
from palimpsest.memory.retrieval import PresenceTest, Retriever, nothing_present
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.model import Candidates, Entry, IndexStep, SearchFilter

TENANT = "eval"
_AT_ONCE = 256
_RANK = 60


class EvalIndex:
    """Every search is within one project and returns memories, best first."""

    def __init__(self, index: EmbeddedIndex, embedder: StaticEmbedder, directory: Path) -> None:
        self._index = index
        self._embedder = embedder
        self._directory = directory
        self._memories: dict[str, Memory] = {}
        self._steps = 0
        self._retrievers: dict[float, Retriever] = {}

    @classmethod
    @asynccontextmanager
    async def running(cls) -> "AsyncGenerator[EvalIndex]":
        embedder = StaticEmbedder.load()
        with tempfile.TemporaryDirectory() as directory:
            index = EmbeddedIndex(Path(directory), embedder.name, embedder.dimension)
            try:
                yield cls(index, embedder, Path(directory))
            finally:
                await index.close()

    def __len__(self) -> int:
        return len(self._memories)

    @property
    def bytes(self) -> int:
        """What the index takes on disk; files with holes count as far as they are filled."""
        files = (path.stat() for path in self._directory.rglob("*") if path.is_file())
        return sum(512 * file.st_blocks for file in files)

    async def add(self, memories: Sequence[Memory]) -> None:
        for at in range(0, len(memories), _AT_ONCE):
            some = memories[at : at + _AT_ONCE]
            vectors = await self._embedder.embed([memory.text for memory in some])
            entries = [
                Entry(memory, vector, bm25.document_weights(memory.text))
                for memory, vector in zip(some, vectors, strict=True)
            ]
            since, until = Cursor(self._steps), Cursor(self._steps + 1)
            await self._index.write(IndexStep(entries, (), since, until))
            self._steps += 1
            self._memories.update((memory.id, memory) for memory in some)

    async def lookup(self, ids: Sequence[str], caller: str | None = None) -> list[Memory]:
        return [self._memories[one] for one in ids]

    async def search_words(self, text: str, project: str, limit: int) -> list[Memory]:
        return await self.lookup([*(await self._found(text, project, limit)).matching])

    async def search_meaning(self, text: str, project: str, limit: int) -> list[Memory]:
        return await self.lookup([*(await self._found(text, project, limit)).near])

    async def search_fused(self, text: str, project: str, limit: int) -> list[Memory]:
        """Reciprocal rank fusion of the two."""
        found = await self._found(text, project, limit)
        scores: dict[str, float] = {}
        for side in (found.matching, found.near):
            for rank, one in enumerate(side):
                scores[one] = scores.get(one, 0.0) + 1 / (_RANK + rank)
        return await self.lookup(sorted(scores, key=lambda one: -scores[one])[:limit])

    async def retrieve(
        self,
        query: Query,
        present: PresenceTest = nothing_present,
        threshold: float = 0.0,
    ) -> list[Memory]:
        """Search as the product does it."""
        retriever = self._retrievers.get(threshold)
        if retriever is None:
            retriever = Retriever(self._embedder, self._index, self.lookup, TENANT, threshold)
            self._retrievers[threshold] = retriever
        return [hit.memory for hit in await retriever.search(query, present)]

    async def _found(self, text: str, project: str, limit: int) -> Candidates:
        [vector] = await self._embedder.embed([text])
        where = SearchFilter(TENANT, (project,), (EVERYONE,))
        return await self._index.find(vector, bm25.query_weights(text), where, limit)
