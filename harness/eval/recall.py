"""The share of a question's evidence that is retrieved: by the product and by simpler searches."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

import msgspec

from harness.eval.index import EvalIndex
from harness.eval.questions import (
    Haystack,
    Place,
    Question,
    place_of,
)
from harness.eval.sessions import Half
from palimpsest.dialects.tokenizer import text_tokens
from palimpsest.memory.model import Memory
from palimpsest.memory.query import Query

TOKENS = (1_000, 2_000, 4_000, 8_000)
_FIRST, _FEW = 10, 5
_LIMIT = 400

Search = Callable[[EvalIndex, str, Question], Awaitable[list[Memory]]]


class QuestionRecall(msgspec.Struct, frozen=True):
    """Of one question in one way: shares of the evidence found among the first ten and within
    tokens (as `TOKENS`), whether all of it, and all its conversations, are among the first five,
    and what it took. A message counts as found by any part of it."""

    half: Half
    kind: str
    way: str
    at_10: float
    at_tokens: tuple[float, ...]
    all_at_5: bool
    conversations_at_5: bool
    ms: float


async def _words(index: EvalIndex, project: str, question: Question) -> list[Memory]:
    return await index.search_words(question.text, project, _LIMIT)


async def _meaning(index: EvalIndex, project: str, question: Question) -> list[Memory]:
    return await index.search_meaning(question.text, project, _LIMIT)


async def _ranks(index: EvalIndex, project: str, question: Question) -> list[Memory]:
    return await index.search_fused(question.text, project, _LIMIT)


async def _ours(index: EvalIndex, project: str, question: Question) -> list[Memory]:
    return await index.retrieve(Query(question.text, project, now=question.at, limit=_LIMIT))


WAYS: dict[str, Search] = {
    "BM25": _words,
    "dense": _meaning,
    "rank fusion": _ranks,
    "palimpsest": _ours,
}


async def measure_recall(index: EvalIndex, haystack: Haystack) -> list[QuestionRecall]:
    """Every question in every way; the index holds the haystack's memories."""
    found: list[QuestionRecall] = []
    for question in haystack.questions:
        for name, way in WAYS.items():
            begun = perf_counter()
            memories = await way(index, haystack.name, question)
            ms = 1000 * (perf_counter() - begun)
            found.append(_measured(haystack.half, question, name, memories, ms))
    return found


def _measured(
    half: Half, question: Question, way: str, memories: Sequence[Memory], ms: float
) -> QuestionRecall:
    places = [place_of(memory) for memory in memories]
    conversations = list(dict.fromkeys(place.conversation for place in places))
    within = [_within(memories, tokens) for tokens in TOKENS]
    return QuestionRecall(
        half,
        question.kind,
        way,
        _share(question.evidence, places[:_FIRST]),
        tuple(_share(question.evidence, places[:count]) for count in within),
        question.evidence <= set(places[:_FEW]),
        question.conversations <= set(conversations[:_FEW]),
        ms,
    )


def _share(evidence: frozenset[Place], found: Sequence[Place]) -> float:
    return len(evidence & set(found)) / len(evidence)


def _within(memories: Sequence[Memory], tokens: int) -> int:
    """How many of the first memories fit."""
    for count, memory in enumerate(memories):
        tokens -= text_tokens(memory.text)
        if tokens < 0:
            return count
    return len(memories)
