"""Facts from outputs that were cut: the rarest fragments of all of them together.

Fragments compete across outputs: a word that stands in the fragments of many of them is common,
though it may be rare in each.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from posixpath import basename

from palimpsest.context.gist import gist
from palimpsest.context.quoting import argument, clipped, one_line
from palimpsest.context.rarity import words, worth
from palimpsest.context.salience import Fragment, fragments
from palimpsest.context.tool_exchanges import Call
from palimpsest.dialects.tokenizer import text_tokens

_READ = 6
# Tokens of one fact with what is beside its rarest words, and the most for these; where there is
# plenty of room, more.
_ROOM, _MOST = 8, 12
_AMPLE, _AMPLE_ROOM, _AMPLE_MOST = 40, 20, 26
_COUNTED_WORDS = 4
_SOURCE_TOKENS = 6
_LEAST = 8
# Below this there are only the words that any text has.
_LEAST_WORTH = 5.0
_BETWEEN = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A fragment of the output of the ``call``-th call, and what its rarest words are worth here:
    the less, the more fragments have them."""

    call: int
    text: str
    value: float


def facts(
    calls: Sequence[Call], tokens: int, stubs: Mapping[str, str] | None = None
) -> tuple[list[str], int]:
    """Lines of at most ``tokens`` tokens, newest first, each with its source; and how many
    outputs they say nothing of. ``stubs`` are the stubs of calls that stay, by the call's id."""
    ample = tokens >= _AMPLE * len(calls)
    room, most = (_AMPLE_ROOM, _AMPLE_MOST) if ample else (_ROOM, _MOST)
    chosen: dict[int, list[str]] = {}
    seen = set[str]()
    ranked, spread = _ranked(calls, stubs or {})
    for found in ranked:
        if tokens < _LEAST:
            break
        worths = {word: own / spread[word] for word, own in _worths(found.text).items()}
        text = one_line(gist(found.text, worths, room, most).text)
        if not text or text in seen:
            continue
        seen.add(text)
        source = _source(calls[found.call])
        cost = text_tokens(text) + _BETWEEN
        if found.call not in chosen:
            cost += text_tokens(source) + _BETWEEN
        if cost <= tokens:
            chosen.setdefault(found.call, [source]).append(text)
            tokens -= cost
    lines = [
        f"{chosen[number][0]}: {' | '.join(chosen[number][1:])}"
        for number in sorted(chosen, reverse=True)
    ]
    outputs = sum(bool(call.output.strip()) and call.id not in (stubs or {}) for call in calls)
    return lines, max(0, outputs - len(lines))


def _ranked(
    calls: Sequence[Call], stubs: Mapping[str, str]
) -> tuple[list[Candidate], Mapping[str, int]]:
    """The fragments of all calls, the rarest words first; and in how many each word stands."""
    found = [_best(call.output) for call in calls]
    spread = Counter[str]()
    for text in {fragment.text: None for of_one in found for fragment in of_one}:
        spread.update(_worths(text).keys())
    ranked: list[Candidate] = []
    for number, call in enumerate(calls):
        known = stubs.get(call.id, "")
        for fragment in found[number]:
            worths = _worths(fragment.text)
            shares = sorted([own / spread[word] for word, own in worths.items()], reverse=True)
            value = sum(shares[:_COUNTED_WORDS])
            if value < _LEAST_WORTH:
                continue
            if not known or max(worths, key=lambda word: worths[word] / spread[word]) not in known:
                ranked.append(Candidate(number, fragment.text, value))
    ranked.sort(key=lambda one: (-one.value, -one.call, one.text))
    return ranked, spread


@lru_cache(16_384)
def _worths(fragment: str) -> Mapping[str, float]:
    """What its words are worth by themselves."""
    return {word: worth(word) for word in words(fragment)}


def _best(output: str) -> list[Fragment]:
    return sorted(fragments(output), key=lambda fragment: -fragment.score)[:_READ]


def _source(call: Call) -> str:
    """`#12 rows.py`, or the tool's name."""
    about = argument(call)
    named = basename(about) if "/" in about and " " not in about else ""
    return f"#{call.result_position} {clipped(named or one_line(call.name), _SOURCE_TOKENS)}"
