"""Searches memories by meaning and by words, ranks them, and leaves out what the prompt holds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from palimpsest.gateway.model import EVERYONE
from palimpsest.memory.bm25 import query_weights
from palimpsest.memory.embedding import Embedder
from palimpsest.memory.model import Memory, injectable
from palimpsest.memory.query import Query, split_questions
from palimpsest.memory.ranking import (
    RankedCandidate,
    ScoreFloor,
    drop_duplicates,
    neighbour_pairs,
    neighbour_spans,
    rank,
)
from palimpsest.memory.relevance import (
    UNRELATED_TEXTS,
    nearness_scale,
    normalise,
    question_words,
    relevance,
)
from palimpsest.memory.reranker import Reranker
from palimpsest.runtime.errors import EmbedderUnavailable
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.vectors.model import (
    Candidates,
    Match,
    SearchFilter,
    Sparse,
    Vector,
    VectorIndex,
)

MemoryLookup = Callable[[Sequence[str], str | None], Awaitable[Sequence[Memory]]]
PresenceTest = Callable[[Match], bool]

_CANDIDATES = 64
_WITH_NEIGHBOURS = 16
_NEIGHBOUR_LIMIT = 128
_READ = 1.5
"""So many memories are read for each hit that is asked for, since some are duplicates."""
_RERANKED = 30


@dataclass(frozen=True, slots=True)
class Hit:
    """``score``: the probability that the memory bears on the question, 0 to 1."""

    memory: Memory
    score: float


@dataclass(frozen=True, slots=True)
class _Question:
    text: str
    words: Sparse
    vector: Vector


def nothing_present(found: Match) -> bool:
    """The presence test of an empty prompt."""
    return False


class Retriever:
    """Searches one tenant's memories.

    ``lookup``: reads memories by their ids, without those that may not be shown, or not to this
    caller.
    ``threshold``: the least score of a hit, 0 to 1.
    """

    def __init__(
        self,
        embedder: Embedder,
        index: VectorIndex,
        lookup: MemoryLookup,
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
        self._unrelated: asyncio.Task[NDArray[np.float32]] | None = None

    async def search(self, query: Query, present: PresenceTest = nothing_present) -> list[Hit]:
        """The hits, best first, without those that ``present`` says are in the prompt. Raises
        IndexUnavailable, EmbedderUnavailable, DatabaseUnavailable or whatever else ``lookup``
        does."""
        texts = await off_the_loop(len(query.text), split_questions, query.text)
        weighted = [(text, query_weights(text)) for text in texts]
        searchable = [(text, words) for text, words in weighted if words.indices]
        if not searchable:
            return []
        vectors = await self._embedder.embed([text for text, _ in searchable])
        questions = [
            _Question(*one, vector) for one, vector in zip(searchable, vectors, strict=True)
        ]
        found = await asyncio.gather(*(self._find_ranked(one, query) for one in questions))
        rows = [row for row in _merge_best(found) if not present(row.found)]
        wanted = [row.found.id for row in rows[: round(_READ * query.limit)]]
        read = await self._lookup(wanted, query.caller)
        known = {memory.id: memory for memory in read if injectable(memory)}
        pairs = [(known[row.found.id], row) for row in rows if row.found.id in known]
        hits = await self._score(questions, pairs, query.limit)
        return await self._rerank(questions[0].text, hits)

    async def _find_ranked(self, asked: _Question, query: Query) -> list[RankedCandidate]:
        """The candidates for one question and their neighbours, best first."""
        where = SearchFilter(
            self._tenant,
            () if query.everywhere else (query.project,),
            () if query.caller is None else (EVERYONE, query.caller),
        )
        best = await self._index.find(asked.vector, asked.words, where, _CANDIDATES)
        least = ScoreFloor(
            min(best.near.values(), default=0.0),
            min(best.matching.values()) if len(best.matching) == _CANDIDATES else 0.0,
        )
        rows = _rank(best, least, query)
        spans = neighbour_spans(row.found for row in rows[:_WITH_NEIGHBOURS])
        if not spans:
            return rows
        within = replace(where, spans=spans)
        beside = await self._index.find(asked.vector, asked.words, within, _NEIGHBOUR_LIMIT)
        return _rank(best.and_also(beside), least, query)

    async def _score(
        self,
        asked: Sequence[_Question],
        pairs: Sequence[tuple[Memory, RankedCandidate]],
        limit: int,
    ) -> list[Hit]:
        """The hits at or above the threshold, without duplicates of better ones."""
        scores = _score_relevance(asked, await self._unrelated_vectors(), pairs)
        hits = (Hit(memory, scores[memory.id]) for memory, _ in pairs)
        good = (hit for hit in hits if hit.score >= self._threshold)
        return list(islice(drop_duplicates(good, lambda hit: hit.memory.text), limit))

    async def _unrelated_vectors(self) -> NDArray[np.float32]:
        """The vectors of unrelated texts, made once; a search that is given up does not stop it."""
        if self._unrelated is None:
            self._unrelated = asyncio.create_task(_vectors_of(self._embedder, UNRELATED_TEXTS))
        try:
            return await asyncio.shield(self._unrelated)
        except EmbedderUnavailable:
            self._unrelated = None
            raise

    async def _rerank(self, question: str, hits: list[Hit]) -> list[Hit]:
        if self._reranker is None or not hits:
            return hits
        best, rest = hits[:_RERANKED], hits[_RERANKED:]
        scores = await self._reranker.scores(question, [hit.memory.text for hit in best])
        order = sorted(range(len(best)), key=lambda at: -scores[at])
        return [*(best[at] for at in order), *rest]


async def _vectors_of(embedder: Embedder, texts: Sequence[str]) -> NDArray[np.float32]:
    return await embedder.embed(texts)


def _merge_best(found: Iterable[Sequence[RankedCandidate]]) -> Iterator[RankedCandidate]:
    """Joins the candidates of several questions, each with its best rank."""
    best: dict[str, RankedCandidate] = {}
    for row in (row for rows in found for row in rows):
        known = best.get(row.found.id)
        if known is None or row.total > known.total:
            best[row.found.id] = row
    yield from sorted(best.values(), key=lambda row: (-row.total, row.found.id))


def _rank(candidates: Candidates, least: ScoreFloor, query: Query) -> list[RankedCandidate]:
    return rank(
        candidates,
        least,
        project=query.project,
        conversation=query.conversation,
        now=query.now,
    )


def _score_relevance(
    asked: Sequence[_Question],
    strangers: NDArray[np.float32],
    pairs: Sequence[tuple[Memory, RankedCandidate]],
) -> dict[str, float]:
    """The relevance of each memory, by id: to the question that it bears on most, or a share of its
    neighbours', since an answer need not repeat its question."""
    sides = [(question_words(one.text), nearness_scale(one.vector, strangers)) for one in asked]
    own: dict[str, float] = {}
    for memory, row in pairs:
        text = normalise(memory.text)
        own[memory.id] = max(relevance(wanted, text, near(row.meaning)) for wanted, near in sides)
    lent = dict(own)
    for one, other, share in neighbour_pairs(row.found for _, row in pairs):
        lent[one.id] = max(lent[one.id], share * own[other.id])
        lent[other.id] = max(lent[other.id], share * own[one.id])
    return lent
