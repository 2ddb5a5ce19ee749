"""A candidate: something that one conversation taught, not yet confirmed by another."""

import re
from dataclasses import dataclass
from datetime import datetime

from palimpsest.learning.model import CandidateKind
from palimpsest.learning.wording import MARK
from palimpsest.memory.archive import Origin
from palimpsest.memory.model import Fix, Kind, Memory, Pattern, memory_id

CORRECTION_TRIGGER = "What the user asked for"
"""The trigger of a correction."""

_WORD = re.compile(r"\w{2,}")
_CHANGES = re.compile(r"; (?=in `)")
_STRING = re.compile(r"\"(?:\\.|[^\"\\`])*\"")
_SILENCED = re.compile(
    r"nolint|noqa|type: ?ignore|pyright: ?ignore|eslint-disable|ts-ignore|#\[allow"
)
_ALIKE = 0.5


@dataclass(frozen=True, slots=True)
class Candidate:
    """One lesson of one conversation.

    ``position``: of the newest message that confirms it.
    ``confidence``: 0 to 1, from this conversation alone.
    ``files``: the files it is about, relative to the project.
    """

    kind: CandidateKind
    detail: Pattern | Fix
    position: int
    confidence: float
    files: tuple[str, ...] = ()

    @property
    def memory_kind(self) -> Kind:
        return Kind.FIX if isinstance(self.detail, Fix) else Kind.PATTERN

    @property
    def text(self) -> str:
        """The text that is searched and shown."""
        if isinstance(self.detail, Fix):
            during = f" (`{self.detail.command}`)" if self.detail.command else ""
            return f"{self.detail.error}{during}\nWhat ended it: {self.detail.remedy}"
        return "\n".join((f"{self.detail.trigger}:", *self.detail.steps))

    def to_memory(self, origin: Origin, said_at: datetime) -> Memory:
        """Makes a memory of the project, seen in this conversation."""
        tenant, project, caller = origin.tenant, origin.project, origin.caller
        return Memory(
            id=memory_id(tenant, project, self.memory_kind, *_content(self.detail), caller=caller),
            tenant=tenant,
            caller=caller,
            project=project,
            kind=self.memory_kind,
            text=self.text,
            conversation=origin.conversation,
            position=self.position,
            files=self.files,
            said_at=said_at,
            detail=self.detail,
            confidence=self.confidence,
        )


def say_the_same(one: Pattern | Fix | None, other: Pattern | Fix | None) -> bool:
    """Whether two details teach the same: fixes of the same error whose remedies share half of the
    code that the shorter one adds; corrections that share half of their words; other patterns that
    are equal."""
    if isinstance(one, Fix) and isinstance(other, Fix):
        return one.signature == other.signature and _same_remedy(one.remedy, other.remedy)
    if isinstance(one, Pattern) and isinstance(other, Pattern):
        if one.trigger != CORRECTION_TRIGGER or other.trigger != CORRECTION_TRIGGER:
            return one.trigger == other.trigger and one.steps == other.steps
        return _word_overlap(" ".join(one.steps), " ".join(other.steps)) >= _ALIKE
    return False


def _content(detail: Pattern | Fix) -> tuple[str, ...]:
    if isinstance(detail, Fix):
        return detail.signature, detail.remedy
    return detail.trigger, *detail.steps


def _same_remedy(one: str, other: str) -> bool:
    """Whether both silence a tool, or neither does and they add much the same code."""
    silent = bool(_SILENCED.search(one)), bool(_SILENCED.search(other))
    if any(silent):
        return all(silent)
    a, b = _words_added(one), _words_added(other)
    return len(a & b) >= max(1, _ALIKE * min(len(a), len(b)))


def _words_added(remedy: str) -> set[str]:
    """The words of code that a remedy adds; if it only removes some, all its words."""
    words: set[str] = set()
    for change in _CHANGES.split(_STRING.sub("", remedy.partition(MARK)[0])):
        before, became, after = change.partition("` became `")
        new = set(_WORD.findall(after or before.partition("` added `")[2]))
        words |= new - set(_WORD.findall(before)) if became else new
    return words or set(_WORD.findall(remedy))


def _word_overlap(one: str, other: str) -> float:
    """The number of words in both over the number of words in either."""
    a, b = (set(_WORD.findall(text.lower())) for text in (one, other))
    return len(a & b) / max(1, len(a | b))
