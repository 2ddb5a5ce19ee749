"""Which tool results a session still needs at a point of it, by what its later calls say.

A result is *needed* at message c if one of the next 40 requests' calls (a) names the path that the
result's call named, or (b) has in its input a rare string of the result: a line of at least 24
characters or a word of at least 20 that at most 3 results before c hold. Only the newest such
result before c counts, and only if no result between c and that call says it again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, cast

from harness.eval.messages import calls, result_text, results
from harness.eval.sessions import Session

HORIZON = 40
_LINE, _LONGEST_LINE = 24, 400
_RARE = 3
_PATH_MARK = "path\0"
_PATHS = ("file_path", "path", "notebook_path")
_NUMBERED = re.compile(r"^\s*\d+→")
_WORDS = re.compile(r"[\w./:@#-]{20,200}")


@dataclass(frozen=True)
class Result:
    """A tool's result: the message it is in, its call's id, and all it can be known by."""

    position: int
    id: str
    strings: frozenset[str]


@dataclass(frozen=True)
class Use:
    """What the calls of one assistant message name."""

    position: int
    strings: frozenset[str]


@dataclass
class Needs:
    """Of one session; ``results`` and ``uses`` in order."""

    results: list[Result] = field(default_factory=list[Result])
    uses: list[Use] = field(default_factory=list[Use])

    @classmethod
    def from_session(cls, session: Session) -> "Needs":
        found = cls()
        inputs: dict[str, Any] = {}
        for position, turn in enumerate(session.turns):
            given = {call["id"]: call["input"] for call in calls(turn.message)}
            inputs |= given
            if turn.is_reply:
                named = (name for values in given.values() for name in _named(values))
                found.uses.append(Use(position, frozenset(named)))
            for block in results(turn.message):
                use = block["tool_use_id"]
                strings = frozenset(
                    (*_path(inputs.get(use, {})), *rare_strings(result_text(block)))
                )
                found.results.append(Result(position, use, strings))
        return found

    def needed_at(self, position: int) -> set[str]:
        """The ids of the results before that message that are needed from it on."""
        holders: dict[str, list[str]] = {}
        for result in self.results:
            if result.position < position:
                for name in result.strings:
                    holders.setdefault(name, []).append(result.id)
        later = [result for result in self.results if result.position >= position]
        again: set[str] = set()
        needed: set[str] = set()
        at = 0
        for use in islice((use for use in self.uses if use.position >= position), HORIZON):
            while at < len(later) and later[at].position < use.position:
                again |= later[at].strings
                at += 1
            for name in use.strings - again:
                held = holders.get(name, [])
                if held and (len(held) <= _RARE or name.startswith(_PATH_MARK)):
                    needed.add(held[-1])
        return needed


def _named(given: Any) -> Iterator[str]:
    yield from _path(given)
    for text in iterate_strings(given):
        yield from rare_strings(text)


def _path(given: Any) -> Iterator[str]:
    fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    for name in _PATHS:
        if isinstance(fields.get(name), str):
            yield _PATH_MARK + fields[name]


def rare_strings(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        stripped = _NUMBERED.sub("", line).strip()
        if _LINE <= len(stripped) <= _LONGEST_LINE:
            yield stripped
    yield from _WORDS.findall(text)


def iterate_strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in cast("dict[str, Any]", value).values():
                yield from iterate_strings(inner)
        case list():
            for inner in cast("list[Any]", value):
                yield from iterate_strings(inner)
        case _:
            return
