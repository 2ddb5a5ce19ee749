"""Splits a text into parts of a few hundred tokens: between lines, else between sentences, else
between words. Long encoded data, and the middle of very long lines and texts, are replaced by a
note that says how much was left out.
"""

import re
from collections.abc import Iterator
from math import ceil

PART_BYTES = 800
"""The size of a part at most, without its headline; some 200 tokens."""

_LONGEST_LINE = 64_000
_LONGEST_TEXT = 1_000_000
_ENCODED = re.compile(r"[A-Za-z0-9+/_=-]{400,}")
_ENCODED_SHOWN = 60
_SENTENCE = re.compile(r"(?<=[.!?;:。！？])\s+")
_WORD = re.compile(r"(?<=\s)")


def split_text(text: str) -> list[str]:
    """The parts of a text, of about equal size; none for an empty text."""
    text = _limit_size(_ENCODED.sub(_shorten_encoded, text.strip("\n")).rstrip())
    if not text.strip():
        return []
    size = len(text.encode())
    room = ceil(size / ceil(size / PART_BYTES))
    return [part for part in _pack(_pieces(text), room) if part.strip()]


def _limit_size(text: str) -> str:
    lines = (_cut(line, _LONGEST_LINE) for line in text.split("\n"))
    return _cut("\n".join(lines), _LONGEST_TEXT)


def _cut(text: str, longest: int) -> str:
    """The text, or its beginning and its end."""
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]} {_left_out(len(text) - 2 * half)} {text[-half:]}"


def _shorten_encoded(encoded: re.Match[str]) -> str:
    rest = len(encoded[0]) - _ENCODED_SHOWN
    return f"{encoded[0][:_ENCODED_SHOWN]} {_left_out(rest)}"


def _left_out(count: int) -> str:
    return f"[{count} characters left out]"


def _pieces(text: str) -> Iterator[str]:
    """The pieces that are not split: lines with their ends; of lines that are too long sentences,
    of those words, of those some characters."""
    for line in text.splitlines(keepends=True):
        if _fits(line):
            yield line
            continue
        for sentence in _split_after(_SENTENCE, line):
            if _fits(sentence):
                yield sentence
                continue
            for word in _WORD.split(sentence):
                step = len(word) if _fits(word) else PART_BYTES // 4
                yield from (word[at : at + step] for at in range(0, len(word), step or 1))


def _split_after(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    """Splits the text after each match."""
    start = 0
    for match in pattern.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    yield text[start:]


def _fits(piece: str) -> bool:
    return len(piece) <= PART_BYTES and len(piece.encode()) <= PART_BYTES


def _pack(pieces: Iterator[str], room: int) -> Iterator[str]:
    """Joins pieces into parts of about ``room`` bytes."""
    held, size = "", 0
    for piece in pieces:
        more = len(piece.encode())
        if held and (size + more > PART_BYTES or size >= room or size + more // 2 > room):
            yield held.rstrip()
            held, size = "", 0
        held += piece
        size += more
    yield held.rstrip()
