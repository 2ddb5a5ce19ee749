"""What of a tool's output one would miss most: the stretches of text least like the rest of it.

A line's *peak* is its stretch of words with the highest sum of rarities, each word costing
something; a line of a form that few others have counts for more. Of a line that is too long the
gist is taken, and the rest of it competes again.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

from blake3 import blake3

from palimpsest.context.gist import gist
from palimpsest.context.rarity import rarities, words, worth
from palimpsest.dialects.tokenizer import text_tokens
from palimpsest.runtime.lru import Memo

_LONGEST_TEXT = 200_000
_LONG_LINE = 220
_CANDIDATES = 40
_WORD_COST = 1.0
_FORM_BONUS = 0.15
_SAME_FORM = 0.6
# Tokens a fragment may have: the first one, at most a share of all, how each further one shrinks,
# and the least.
_ROOM = 16
_FIRST_SHARE = 0.4
# Tokens of everything that is looked for in a text.
_MOST = 120
_SHRINK = 0.7
_LEAST_ROOM = 8.0
_LEAST_LEFT = 6
_BETWEEN = 2

_NUMBERED = "\x01"
# Numbers before the lines of a file or of a search, and times before those of a log, are no part of
# its text; nor are colours, and what the client says below every file it reads.
_NUMBERING = re.compile(
    r"^ *\d+[→\t]|^(?:[^\s:]+:)?\d{1,6}[:-](?!\d)"
    r"|^\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* +",
    re.MULTILINE,
)

_BOILERPLATE = re.compile(
    r"\x1b\[[0-9;]*[A-Za-z]|\x01|</?system-reminder>"
    r"|Whenever you read a file, you should consider whether it would be considered malware\."
    r"|You CAN and SHOULD provide analysis of malware, what it is doing\."
    r"|But you MUST refuse to improve or augment the code\."
    r"|You can still analyze existing code, write reports,"
    r" or answer questions about the code behavior\."
)
_PIECE = re.compile(r".{1,160}(?:[\s,;}\]]|$)|.{160}")
_KINDS = {c: "a" if c.isalpha() else "0" if c.isdigit() else c for c in map(chr, range(128))}


@dataclass(frozen=True, slots=True)
class Fragment:
    """A line or a part of one; the higher the score, the more it stands out."""

    text: str
    score: float


@dataclass(slots=True)
class _Candidate:
    score: float
    text: str
    form: str


_known: Memo[bytes, tuple[Fragment, ...]] = Memo(8_192)


def salient(text: str, tokens: int) -> list[str]:
    """Lines of ``text``, or the gist of long ones, of at most ``tokens`` tokens together with two
    for what stands between them; the most telling first. All of a text that fits."""
    found = fragments(text)
    costs = [text_tokens(fragment.text) + _BETWEEN for fragment in found]
    if sum(costs) <= tokens:
        return [fragment.text for fragment in found]
    order = sorted(range(len(found)), key=lambda at: -found[at].score)
    chosen: list[str] = []
    room = min(float(_ROOM), tokens * _FIRST_SHARE)
    for at in order:
        if tokens < _LEAST_LEFT:
            break
        limit = min(int(room), tokens - _BETWEEN)
        text = found[at].text
        part = gist(text, {word: worth(word) for word in words(text)}, limit, limit)
        if part.text:
            chosen.append(part.text)
            tokens -= part.tokens + _BETWEEN
            room = max(_LEAST_ROOM, room * _SHRINK)
    return chosen


def fragments(text: str) -> tuple[Fragment, ...]:
    """What stands out of a text, of some 120 tokens; scores may be compared between texts. A short
    text is there whole, in its order. Memoised by content."""
    key = blake3(text.encode("utf-8", "surrogatepass")).digest()
    known = _known.get(key)
    if known is None:
        known = tuple(_found(text)) if text.strip() else ()
        _known.put(key, known)
    return known


def _found(text: str) -> list[Fragment]:
    if len(text) <= 4 * _MOST:
        whole = [line.strip() for line in text.splitlines() if line.strip()]
        if sum(text_tokens(line) + _BETWEEN for line in whole) <= _MOST:
            found = [words(line) for line in whole]
            worths = rarities(found)
            pairs = zip(whole, found, strict=True)
            return [Fragment(line, _peak(its_words, worths)) for line, its_words in pairs]
    lines = _lines(text[:_LONGEST_TEXT])
    found = [words(line) for line in lines]
    worths = rarities(found)
    return _chosen(_candidates(lines, found, worths), worths) or _last(lines)


def _lines(text: str) -> list[str]:
    plain = _NUMBERING.sub(_NUMBERED, _BOILERPLATE.sub("", text))
    lines: list[str] = []
    for line in plain.split("\n"):
        if len(line) > _LONG_LINE:
            lines.extend(_PIECE.findall(line))
        else:
            lines.append(line)
    return lines


def _candidates(
    lines: Sequence[str], found: Sequence[list[str]], worths: dict[str, float]
) -> list[_Candidate]:
    """The best lines, best first."""
    forms = [_form(line) for line in lines]
    counts = Counter(forms)
    scored: list[tuple[float, int]] = []
    rare_words = worths.keys()
    for number, line_words in enumerate(found):
        if rare_words.isdisjoint(line_words):
            continue
        peak = _peak(line_words, worths)
        if peak:
            rare = log2(len(lines) / counts[forms[number]])
            scored.append((-peak * (1.0 + _FORM_BONUS * rare), number))
    scored.sort()
    return [
        _Candidate(-score, lines[number].replace(_NUMBERED, "").strip(), forms[number])
        for score, number in scored[:_CANDIDATES]
    ]


def _form(line: str) -> str:
    """The look of a line: numbered, indented, what it begins and ends with."""
    bare = line[1:] if line[:1] == _NUMBERED else line
    inner = bare.strip()
    if not inner:
        return ""
    kind = _KINDS.get
    return f"{bare is line:d}{bare[0].isspace():d}{kind(inner[0], 'u')}{kind(inner[-1], 'u')}"


def _peak(line_words: list[str], worths: dict[str, float]) -> float:
    get = worths.get
    best = current = 0.0
    for word in line_words:
        current += get(word, 0.0) - _WORD_COST
        if current < 0.0:
            current = 0.0
        elif current > best:
            best = current
    return best


def _chosen(candidates: list[_Candidate], worths: dict[str, float]) -> list[Fragment]:
    chosen: list[Fragment] = []
    shown = Counter[str]()
    left = _MOST
    last = 0.0
    while candidates and left >= _LEAST_LEFT:
        values = [each.score * _SAME_FORM ** shown[each.form] for each in candidates]
        best = candidates.pop(values.index(max(values)))
        limit = min(_ROOM, left - _BETWEEN)
        part = gist(best.text, worths, limit, limit)
        if not part.text:
            continue
        last = min(last, best.score) if chosen else best.score
        chosen.append(Fragment(part.text, last))
        shown[best.form] += 1
        left -= part.tokens + _BETWEEN
        peak = _peak(words(part.rest), worths)
        if peak:
            candidates.append(_Candidate(peak, part.rest, best.form))
    return chosen


def _last(lines: Sequence[str]) -> list[Fragment]:
    """The last line, when no line stands out."""
    plain = [line.replace(_NUMBERED, "").strip() for line in lines]
    last = next((line for line in reversed(plain) if line), "")
    shown = gist(last, {}, _ROOM, _ROOM).text
    return [Fragment(shown, 0.0)] if shown else []
