"""Finding what is known: by meaning and by words, ranked, without what is there already."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from palimpsest.memory.duplicates import distinct
from palimpsest.memory.embedding import Embedder
from palimpsest.memory.model import Memory, injectable
from palimpsest.memory.query import Query, questions
from palimpsest.memory.ranking import (
    Least,
    Ranked,
    around,
    neighbours,
    ranked,
)
from palimpsest.memory.relevance import (
    STRANGERS,
    nearness,
    needles,
    plain,
    relevance,
)
from palimpsest.memory.reranker import Reranker
from palimpsest.memory.words import query as words_of
from palimpsest.runtime.errors import EmbedderUnavailable
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.vectors.interface import (
    Candidates,
    Found,
    Sparse,
    Vector,
    VectorIndex,
    Where,
)

Lookup = Callable[[Sequence[str]], Awaitable[Sequence[Memory]]]
Present = Callable[[Found], bool]

_CANDIDATES = 64
_LOOKED_AROUND = 16
_BESIDE = 128
_READ = 1.5
"""Memories are read for so many times the answers that are asked for: some are duplicates."""
_RERANKED = 30


@dataclass(frozen=True, slots=True)
class Hit:
    """``score``: how likely it bears on the question, 0 to 1."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class _Asked:
    text: str
    words: Sparse
    vector: Vector


def nothing_present(found: Found) -> bool:
    """Nothing that is found is in the prompt already."""
    return False


class Retriever:
    """``lookup`` reads memories by their ids, without those that may not be shown; ``threshold``
    is the least score of a hit."""

    def __init__(
        self,
        embedder: Embedder,
        index: VectorIndex,
        lookup: Lookup,
        tenant: str,
        threshold: float = 0.5,
        reranker: Reranker | None = None,
    ) -> None:
        self._embedder = embedder
        self._index = index
        self._lookup = lookup
        self._tenant = tenant
        self._threshold = threshold
        self._reranker = reranker
        self._strangers: asyncio.Task[NDArray[np.float32]] | None = None

    async def search(self, query: Query, present: Present = nothing_present) -> list[Hit]:
        """The hits, best first; raises IndexUnavailable, EmbedderUnavailable, DatabaseUnavailable
        or whatever else ``lookup`` does."""
        asked_for = await off_the_loop(len(query.text), questions, query.text)
        told = [(text, words_of(text)) for text in asked_for]
        telling = [(text, words) for text, words in told if words.indices]
        if not telling:
            return []
        vectors = await self._embedder.embed([text for text, _ in telling])
        asked = [_Asked(*one, vector) for one, vector in zip(telling, vectors, strict=True)]
        found = await asyncio.gather(*(self._ranked(one, query) for one in asked))
        rows = [row for row in _best(found) if not present(row.found)]
        read = await self._lookup([row.found.id for row in rows[: round(_READ * query.limit)]])
        known = {memory.id: memory for memory in read if injectable(memory)}
        pairs = [(known[row.found.id], row) for row in rows if row.found.id in known]
        hits = await self._scored(asked, pairs, query.limit)
        return await self._reranked(asked[0].text, hits)

    async def _ranked(self, asked: _Asked, query: Query) -> list[Ranked]:
        """All that was found for one question and what stands around it, best first."""
        where = Where(self._tenant, () if query.everywhere else (query.project,))
        best = await self._index.find(asked.vector, asked.words, where, _CANDIDATES)
        least = Least(
            min(best.near.values(), default=0.0),
            min(best.matching.values()) if len(best.matching) == _CANDIDATES else 0.0,
        )
        rows = _ranked(best, least, query)
        spans = around(row.found for row in rows[:_LOOKED_AROUND])
        if not spans:
            return rows
        within = replace(where, spans=spans)
        beside = await self._index.find(asked.vector, asked.words, within, _BESIDE)
        return _ranked(best.and_also(beside), least, query)

    async def _scored(
        self, asked: Sequence[_Asked], pairs: Sequence[tuple[Memory, Ranked]], limit: int
    ) -> list[Hit]:
        """Without what says the same as a better one, and what is below the threshold."""
        scores = _relevances(asked, await self._strange(), pairs)
        hits = (Hit(memory, scores[memory.id]) for memory, _ in pairs)
        good = (hit for hit in hits if hit.score >= self._threshold)
        return list(islice(distinct(good, lambda hit: hit.memory.text), limit))

    async def _strange(self) -> NDArray[np.float32]:
        """The vectors of the strangers, made once; a search that is given up does not stop it."""
        if self._strangers is None:
            self._strangers = asyncio.create_task(_vectors_of(self._embedder, STRANGERS))
        try:
            return await asyncio.shield(self._strangers)
        except EmbedderUnavailable:
            self._strangers = None
            raise

    async def _reranked(self, question: str, hits: list[Hit]) -> list[Hit]:
        if self._reranker is None or not hits:
            return hits
        best, rest = hits[:_RERANKED], hits[_RERANKED:]
        scores = await self._reranker.scores(question, [hit.memory.text for hit in best])
        order = sorted(range(len(best)), key=lambda at: -scores[at])
        return [*(best[at] for at in order), *rest]


async def _vectors_of(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    return await embedder.embed(texts)


def _best(found: Iterable[Sequence[Ranked]]) -> Iterator[Ranked]:
    """Of what several questions found, each memory where it stands best."""
    best: dict[str, Ranked] = {}
    for row in (row for rows in found for row in rows):
        known = best.get(row.found.id)
        if known is None or row.total > known.total:
            best[row.found.id] = row
    yield from sorted(best.values(), key=lambda row: (-row.total, row.found.id))


def _ranked(candidates: Candidates, least: Least, query: Query) -> list[Ranked]:
    return ranked(
        candidates,
        least,
        project=query.project,
        conversation=query.conversation,
        now=query.now,
    )


def _relevances(
    asked: Sequence[_Asked],
    strangers: NDArray[np.float32],
    pairs: Sequence[tuple[Memory, Ranked]],
) -> dict[str, float]:
    """By id: of the question that it bears on most, or what its neighbours lend it: an answer need
    not repeat its question."""
    sides = [(needles(one.text), nearness(one.vector, strangers)) for one in asked]
    own: dict[str, float] = {}
    for memory, row in pairs:
        text = plain(memory.text)
        own[memory.id] = max(relevance(wanted, text, near(row.meaning)) for wanted, near in sides)
    lent = dict(own)
    for one, other, share in neighbours(row.found for _, row in pairs):
        lent[one.id] = max(lent[one.id], share * own[other.id])
        lent[other.id] = max(lent[other.id], share * own[one.id])
    return lent
