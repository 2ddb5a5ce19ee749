"""The gist of a line that is too long to be shown whole: its rarest pieces, with what is beside
them as far as there is room."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from palimpsest.context.rarity import word_places, words
from palimpsest.dialects.tokenizer import text_tokens

_PIECE = re.compile(r"\S+")
# About one token each: quicker than to count them.
_TOKENISH = re.compile(r"[^\W\d_]{1,5}|\d{1,3}|[^\w\s]{1,2}|_")
_CHARS_PER_TOKEN = 7
_GAP = " … "
_GAP_TOKENS = 2
# The pieces that count: worth at least this share of the rarest.
_KEY = 0.5


class Gist(NamedTuple):
    """What is kept of a line, the rest of it, and the tokens of what is kept."""

    text: str
    rest: str = ""
    tokens: int = 0


def gist(line: str, worths: Mapping[str, float], room: int, most: int) -> Gist:
    """All of a line of at most ``room`` tokens; else its rarest pieces within ``most``, and what is
    beside them within ``room``. Nothing if the rarest does not fit."""
    if len(line) <= _CHARS_PER_TOKEN * room and (tokens := text_tokens(line)) <= room:
        return Gist(line, "", tokens)
    spans = [match.span() for match in _PIECE.finditer(line)]
    if not spans:
        return Gist("")
    costs = [len(_TOKENISH.findall(line, start, end)) for start, end in spans]
    sums = _sums(line, spans, worths)
    order = sorted(range(len(spans)), key=lambda at: -sums[at])
    if costs[order[0]] > most:
        return _inside(line[slice(*spans[order[0]])], worths, most)
    chosen = _chosen(order, sums, costs, room, most)
    text = _joined(line, spans, chosen)
    while (tokens := text_tokens(text)) > most:
        if len(chosen) == 1:
            return _inside(text, worths, most)
        chosen.remove(min(chosen, key=lambda at: (sums[at], at)))
        text = _joined(line, spans, chosen)
    rest = " ".join(line[a:b] for at, (a, b) in enumerate(spans) if at not in chosen)
    return Gist(text, rest, tokens)


def _sums(line: str, spans: Sequence[tuple[int, int]], worths: Mapping[str, float]) -> list[float]:
    sums = [0.0] * len(spans)
    at = 0
    for word, start in word_places(line):
        while spans[at][1] <= start:
            at += 1
        sums[at] += worths.get(word, 0.0)
    return sums


def _chosen(
    order: Sequence[int],
    sums: Sequence[float],
    costs: Sequence[int],
    room: int,
    most: int,
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


def _inside(piece: str, worths: Mapping[str, float], most: int) -> Gist:
    """A part of one long piece without spaces, from a little before its rarest word on."""
    rarest = max(words(piece) or [piece], key=lambda word: worths.get(word, 0.0))
    at = piece.index(rarest)
    start = max(0, at - most)
    end = min(len(piece), start + 4 * most)
    tokens = text_tokens(piece[start:end])
    while end > start and tokens > most:
        end = start + (end - start) * 4 // 5
        tokens = text_tokens(piece[start:end])
    return Gist(piece[start:end], "", tokens) if end >= at + len(rarest) else Gist("")
