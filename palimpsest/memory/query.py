"""Makes search queries of a person's turn: their questions, without what they pasted."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from palimpsest.memory import bm25

_LONG = 1_200
# Of a paste of megabytes, what stands at its ends: a person's words are hardly in its midst, and
# looking through all of it takes a second for each four megabytes.
_END = 16_384
_SUB_QUESTIONS = 2
_SUB_QUESTION_WORDS = 2

_FENCED = re.compile(r"^(`{3,}|~{3,}).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_PLAIN = re.compile(r"""["'(*]*[^\W\d_]+(?:['’-][^\W\d_]+)*["'),.;:!?…*]*""")
_MOSTLY = 0.7
_SENTENCE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_TROUBLE = re.compile(r"error|exception|fail|panic|fatal|denied|cannot|not found", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Query:
    """A search for memories.

    ``text``: the person's turn.
    ``project``, ``conversation``: where the turn was said.
    ``caller``: who said it; None: memories of all are searched.
    ``everywhere``: memories of other projects are searched too.
    ``now``: the time that the age of memories is counted from.
    ``limit``: the most hits.
    """

    text: str
    project: str = ""
    conversation: str = ""
    caller: str | None = None
    everywhere: bool = False
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    limit: int = 16


def condense_question(text: str) -> str:
    """Condenses a turn to some 1,200 characters: all of a short one; of a long one the sentences of
    prose, first and last before the rest, and the lines with errors in what was pasted."""
    text = text.strip()
    if len(text) <= _LONG:
        return text
    prose = [s for s in _SENTENCE.split(_ends(_FENCED.sub("\n", text))) if _is_prose(s)]
    trouble = [s for s in _ends(text).splitlines() if _TROUBLE.search(s) and not _is_prose(s)]
    chosen = dict.fromkeys(_take_within([*_alternate_ends(prose), *trouble], _LONG))
    kept = [s for s in (*prose, *trouble) if s in chosen]
    return "\n".join(dict.fromkeys(kept)) or text[:_LONG]


def split_questions(text: str) -> tuple[str, ...]:
    """The condensed turn, and each question in it by itself if there are several."""
    whole = condense_question(text)
    single = [s.strip() for s in _SENTENCE.split(whole) if s.rstrip().endswith(("?", "？"))]
    telling = [s for s in single if len(bm25.query_weights(s).indices) >= _SUB_QUESTION_WORDS]
    return (whole, *telling[:_SUB_QUESTIONS]) if len(single) > 1 else (whole,)


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _END else f"{text[:_END]}\n{text[-_END:]}"


def _is_prose(sentence: str) -> bool:
    """Whether a sentence is mostly plain words: no code, no log."""
    pieces = sentence.split()
    plain = sum(_PLAIN.fullmatch(piece) is not None for piece in pieces)
    return plain > _MOSTLY * len(pieces) and len(sentence) < _LONG


def _alternate_ends(sentences: list[str]) -> Iterator[str]:
    for at in range((len(sentences) + 1) // 2):
        yield sentences[at]
        yield sentences[-1 - at]


def _take_within(pieces: list[str], size: int) -> Iterator[str]:
    for piece in dict.fromkeys(piece.strip() for piece in pieces):
        if len(piece) < size:
            size -= len(piece) + 1
            yield piece
