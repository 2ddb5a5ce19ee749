"""The gist of a line that is too long to be shown whole: its rarest pieces, with what is beside
them as far as there is room."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from context.rarity import words
from context.tokens import text_tokens

_PIECE = re.compile(r"\S+")
_LONGEST = 1_000
_GAP = " … "
_GAP_TOKENS = 2
# The pieces that count: worth at least this share of the rarest.
_KEY = 0.5


def gist(line: str, worths: Mapping[str, float], room: int, most: int) -> tuple[str, str]:
    """What is kept of the line, and the rest of it. All of a line of at most ``room`` tokens; else
    its rarest pieces within ``most``, and what is beside them within ``room``. Nothing if the
    rarest does not fit."""
    spans = [match.span() for match in _PIECE.finditer(line)]
    costs = [_cost(line[start:end]) for start, end in spans]
    if sum(costs) <= room and text_tokens(line) <= room:
        return line, ""
    sums = [sum([worths.get(w, 0.0) for w in words(line[a:b])]) for a, b in spans]
    order = sorted(range(len(spans)), key=lambda at: -sums[at])
    if not order or costs[order[0]] > most:
        return (_inside(line[slice(*spans[order[0]])], worths, most) if order else ""), ""
    chosen = _chosen(order, sums, costs, room, most)
    text = _joined(line, spans, chosen)
    while text_tokens(text) > most and len(chosen) > 1:
        chosen.remove(min(chosen, key=lambda at: (sums[at], at)))
        text = _joined(line, spans, chosen)
    if text_tokens(text) > most:
        return "", ""
    return text, " ".join(line[a:b] for at, (a, b) in enumerate(spans) if at not in chosen)


def _chosen(
    order: Sequence[int], sums: Sequence[float], costs: Sequence[int], room: int, most: int
) -> set[int]:
    chosen: set[int] = set()
    used = 0

    def take(at: int, gap: int, limit: int) -> None:
        nonlocal used
        if 0 <= at < len(costs) and at not in chosen and used + costs[at] + gap <= limit:
            chosen.add(at)
            used += costs[at] + gap

    for at in order:
        if sums[at] >= _KEY * sums[order[0]]:
            alone = chosen and not {at - 1, at + 1} & chosen
            take(at, _GAP_TOKENS if alone else 0, most)
    grown = -1
    while grown < len(chosen):
        grown = len(chosen)
        for step in (-1, 1):
            for key in sorted(chosen, key=lambda at: (-sums[at], at)):
                take(key + step, 0, room)
    return chosen


def _joined(line: str, spans: Sequence[tuple[int, int]], chosen: set[int]) -> str:
    text, last = "", -1
    for at in sorted(chosen):
        start = spans[at][0] if at != last + 1 or last < 0 else spans[last][1]
        text += (_GAP if last >= 0 and at != last + 1 else "") + line[start : spans[at][1]]
        last = at
    return text


def _inside(piece: str, worths: Mapping[str, float], room: int) -> str:
    """A part of one long piece without spaces, from a little before its rarest word on."""
    rarest = max(words(piece) or [piece], key=lambda word: worths.get(word, 0.0))
    at = piece.index(rarest)
    start = max(0, at - room)
    end = min(len(piece), start + 4 * room)
    while end > start and text_tokens(piece[start:end]) > room:
        end = start + (end - start) * 4 // 5
    return piece[start:end] if end >= at + len(rarest) else ""


@lru_cache(16_384)
def _cost(piece: str) -> int:
    return text_tokens(" " + piece[:_LONGEST])
