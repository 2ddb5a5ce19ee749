"""The best part of a line that is too long to be shown whole."""

import re
from collections.abc import Sequence
from functools import lru_cache

from context.rarity import words
from context.tokens import text_tokens

_UNSPACED = re.compile(r"\S+")
_LONGEST = 1_000
# Of two parts worth the same, the longer one.
_LENGTH_WORTH = 0.01


def window(line: str, worths: dict[str, float], room: int) -> tuple[int, int]:
    """Where the line's best part of at most ``room`` tokens is; (0, 0) if there is none."""
    spans = [match.span() for match in _UNSPACED.finditer(line)]
    pieces = [line[start:end] for start, end in spans]
    costs = [_cost(piece) for piece in pieces]
    if sum(costs) <= room and text_tokens(line) <= room:
        return 0, len(line)
    sums = [sum(worths.get(word, 0.0) for word in words(piece)) for piece in pieces]
    peak = sums.index(max(sums))
    if costs[peak] > room:
        return _inside(line, spans[peak], worths, room)
    first, last = _densest(sums, costs, room)
    start, end = spans[first][0], spans[last][1]
    return (start, end) if text_tokens(line[start:end]) <= room else spans[peak]


def _densest(sums: Sequence[float], costs: Sequence[int], room: int) -> tuple[int, int]:
    """The first and the last piece of the stretch within ``room`` that is worth most, the longest
    of equals."""
    best, stretch = -1.0, (0, 0)
    first, worth, cost = 0, 0.0, 0
    for last, (more, price) in enumerate(zip(sums, costs, strict=True)):
        worth += more
        cost += price
        while cost > room:
            worth -= sums[first]
            cost -= costs[first]
            first += 1
        if first <= last and worth + _LENGTH_WORTH * (last - first) > best:
            best, stretch = worth + _LENGTH_WORTH * (last - first), (first, last)
    return stretch


def _inside(
    line: str, span: tuple[int, int], worths: dict[str, float], room: int
) -> tuple[int, int]:
    """A part of one long piece without spaces, from a little before its rarest word on."""
    start, end = span
    piece = line[start:end]
    rarest = max(words(piece) or [piece], key=lambda word: worths.get(word, 0.0))
    at = start + piece.index(rarest)
    start = max(start, at - room)
    end = min(end, start + 4 * room)
    while end > start and text_tokens(line[start:end]) > room:
        end = start + (end - start) * 4 // 5
    return (start, end) if end >= at + len(rarest) else (0, 0)


@lru_cache(16_384)
def _cost(piece: str) -> int:
    return text_tokens(" " + piece[:_LONGEST])
