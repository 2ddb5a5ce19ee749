"""Ranks candidates by meaning and words together, and by what was said near them.

The scores of each kind are counted in standard deviations over all candidates, so that they can be
added. The scores of what was said just before and after a candidate are added to it, less the
farther away in characters they are: a short answer is found by its question. Texts that repeat
others are dropped: a file that was read twice, a command that was run again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import ceil, exp, sqrt
from statistics import fmean
from typing import NamedTuple, TypeVar
from zlib import crc32

from palimpsest.memory.model import Kind
from palimpsest.store.vectors.model import Candidates, Match, Span

NEIGHBOURS = 2
"""Messages before and after a candidate whose scores count for it."""

# Tuned on half of LoCoMo's dialogues, LongMemEval's questions and the recorded sessions' needles;
# docs/adr/0025.
_WORDS = 0.7
_REACH = 300.0
_RECENCY = 0.1
_HALF_LIFE_DAYS = 30.0
_HERE, _ELSEWHERE = 3.0, 1.0
_SECONDS_PER_DAY = 86_400.0


class ScoreFloor(NamedTuple):
    """The scores of candidates that one kind of search found and the other did not. ``near``:
    cosine, ``matching``: BM25."""

    near: float = 0.0
    matching: float = 0.0


class RankedCandidate(NamedTuple):
    """``meaning``: the cosine; ``words``: the BM25 score; ``total``: what the order is by."""

    found: Match
    total: float
    meaning: float
    words: float


def neighbour_spans(candidates: Iterable[Match]) -> tuple[Span, ...]:
    """The spans of conversations that hold the candidates and their neighbours."""
    positions: defaultdict[str, set[int]] = defaultdict(set)
    for found in candidates:
        if found.position >= 0:
            positions[found.conversation].add(found.position)
    return tuple(
        Span(conversation, first, last)
        for conversation, known in positions.items()
        for first, last in _merge_spans(sorted(known))
    )


def rank(
    candidates: Candidates, least: ScoreFloor, *, project: str, conversation: str, now: datetime
) -> list[RankedCandidate]:
    """The candidates, best first. Turns of ``conversation`` and lessons count more than turns of
    other conversations, and memories of other projects than ``project`` count less. An empty name
    makes no difference."""
    by_id = candidates.found
    if not by_id:
        return []
    meaning = [candidates.near.get(name, least.near) for name in by_id]
    words = [candidates.matching.get(name, least.matching) for name in by_id]
    fused = [
        one + _WORDS * other
        for one, other in zip(_standardise(meaning), _standardise(words), strict=True)
    ]
    own = dict(zip(by_id, fused, strict=True))
    context = _neighbour_scores(by_id.values(), own)
    rows = [
        RankedCandidate(
            found,
            own[found.id] + context.get(found.id, 0.0) + _bonus(found, project, conversation, now),
            meaning[at],
            words[at],
        )
        for at, found in enumerate(by_id.values())
    ]
    return sorted(rows, key=lambda row: (-row.total, row.found.id))


def neighbour_pairs(found: Iterable[Match]) -> Iterator[tuple[Match, Match, float]]:
    """Pairs of turns that were said one soon after the other, with their closeness, 0 to 1."""
    turns = sorted(
        (one for one in found if one.position >= 0),
        key=lambda one: (one.conversation, one.position, one.part, one.id),
    )
    for at, one in enumerate(turns):
        apart = one.length / 2
        for other in turns[at + 1 : at + 1 + NEIGHBOURS]:
            if other.conversation != one.conversation or other.position > one.position + NEIGHBOURS:
                break
            yield one, other, exp(-(apart + other.length / 2) / _REACH)
            apart += other.length


def _merge_spans(positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    first, last = max(0, positions[0] - NEIGHBOURS), positions[0] + NEIGHBOURS
    for position in positions[1:]:
        if position - NEIGHBOURS > last + 1:
            yield first, last
            first = position - NEIGHBOURS
        last = position + NEIGHBOURS
    yield first, last


def _standardise(scores: Sequence[float]) -> list[float]:
    mean = fmean(scores)
    deviation = sqrt(fmean([(score - mean) ** 2 for score in scores]))
    return [(score - mean) / deviation if deviation else 0.0 for score in scores]


def _neighbour_scores(found: Iterable[Match], own: Mapping[str, float]) -> dict[str, float]:
    """What neighbours add to each score. Those below the mean take nothing away."""
    added: defaultdict[str, float] = defaultdict(float)
    for one, other, share in neighbour_pairs(found):
        added[one.id] += share * max(0.0, own[other.id])
        added[other.id] += share * max(0.0, own[one.id])
    return added


def _bonus(found: Match, project: str, conversation: str, now: datetime) -> float:
    age = max(0.0, (now - found.said_at).total_seconds() / _SECONDS_PER_DAY)
    bonus = _RECENCY * 0.5 ** (age / _HALF_LIFE_DAYS)
    if conversation and (found.conversation == conversation or found.kind is not Kind.TURN):
        bonus += _HERE
    if project and found.project != project:
        bonus -= _ELSEWHERE
    return bonus


_COMPARED_WORDS = 160
_SKETCH = 24
_ALIKE = 0.85


Item = TypeVar("Item")


def drop_duplicates(things: Iterable[Item], text: Callable[[Item], str]) -> Iterator[Item]:
    """The items whose text is like none before them. Texts are compared by the smallest checksums
    of their first words, which are as alike as the texts are (MinHash)."""
    kept: defaultdict[int, list[frozenset[int]]] = defaultdict(list)
    for thing in things:
        words = text(thing).encode().split(None, _COMPARED_WORDS)[:_COMPARED_WORDS]
        smallest = sorted(set(map(crc32, set(words))))[:_SKETCH]
        sketch = frozenset(smallest)
        # Two that are alike have one of these in common at least.
        first = smallest[: len(smallest) - ceil(_ALIKE * len(smallest)) + 1]
        if not any(_alike(sketch, other) for number in first for other in kept[number]):
            yield thing
            for number in first:
                kept[number].append(sketch)


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    return len(one & other) >= _ALIKE * max(len(one), len(other))
