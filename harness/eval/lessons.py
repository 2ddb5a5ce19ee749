"""Lessons of the recorded sessions, taken as one project's history: the candidates of each session,
and the groups that say the same."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from blake3 import blake3

from harness.eval.client import encode
from harness.eval.sessions import Half, Session, load
from palimpsest.context.tool_exchanges import Call, find_tool_exchanges
from palimpsest.dialects.anthropic.blocks import parse_message
from palimpsest.dialects.model import Message
from palimpsest.learning.candidate import Candidate, say_the_same
from palimpsest.learning.extraction import extract_candidates
from palimpsest.memory.model import Fix

_UNREADABLE = (OSError, EOFError, msgspec.MsgspecError, LookupError, TypeError, ValueError)
# What projects commonly have at their top: the recordings do not tell the working directory.
_TOP = re.compile(
    r"(/.*?)/(?:cmd|docs|scripts|src|lib|pkg|internal|tests?|app|\.github|README\.md|CLAUDE\.md)"
    r"(?:/|\Z)"
)


@dataclass(frozen=True)
class Lesson:
    """``key`` is a hash of what the candidate says; ``at``: when its session began."""

    session: str
    half: Half
    candidate: Candidate
    at: float = 0.0

    @property
    def key(self) -> str:
        detail = self.candidate.detail
        said = (
            (detail.signature, detail.remedy)
            if isinstance(detail, Fix)
            else (detail.trigger, *detail.steps)
        )
        return blake3("\0".join((self.candidate.kind, *said)).encode()).hexdigest()[:16]


def read_lessons(files: Iterable[Path]) -> list[Lesson]:
    """All candidates, by session in the order of the files' names; files that are no sessions
    teach nothing."""
    found: list[Lesson] = []
    for path in sorted(files, key=lambda path: path.name):
        try:
            session = load(path)
        except _UNREADABLE:
            continue
        messages = history(session)
        made = extract_candidates(messages, project(messages))
        found += (
            Lesson(session.id, session.half, candidate, session.turns[0].at) for candidate in made
        )
    return found


def groups(found: Sequence[Lesson]) -> list[list[Lesson]]:
    """Those that say the same, as the store puts them together: with the first that said it."""
    made: list[list[Lesson]] = []
    for one in found:
        detail = one.candidate.detail
        known = next(
            (group for group in made if say_the_same(group[0].candidate.detail, detail)), None
        )
        if known is None:
            made.append([one])
        else:
            known.append(one)
    return made


def history(session: Session) -> list[Message]:
    return [parse_message(encode(turn.message)) for turn in session.turns]


def calls(messages: Sequence[Message]) -> list[Call]:
    return [call for exchange in find_tool_exchanges(messages) for call in exchange.calls]


def project(messages: Sequence[Message]) -> str:
    """The folder that most paths were below."""
    paths = (str(call.input.get("file_path") or "") for call in calls(messages))
    roots = Counter(found[1] for path in paths if (found := _TOP.match(path)))
    return roots.most_common(1)[0][0] if roots else ""
