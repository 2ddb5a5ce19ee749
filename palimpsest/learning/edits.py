"""Finds the edits of files in the client's tool calls, and words each on one line."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, cast

from palimpsest.context.tool_exchanges import Call

_LONGEST = 160
_MOST_LINES = 3
_LARGEST = 20_000
_TELLING = 12
_WORD = re.compile(r"\w+")
_COMMENT = re.compile(r"(?://|#(?!\[|include|define|if|pragma)|/?\*|--|<!--)")
_DIRECTIVE = re.compile(
    r"nolint|noqa|type: ?ignore|pyright:|eslint-|ts-(?:ignore|expect)|pragma|go:"
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a file.

    ``file``: relative to the project.
    ``position``: of the message with the call.
    ``removed``, ``added``: the lines that differ, stripped.
    ``whole``: the file was written as a whole.
    """

    file: str
    position: int
    removed: tuple[str, ...]
    added: tuple[str, ...]
    whole: bool = False

    def touches(self, line: str) -> bool:
        """Whether this line of code was changed."""
        return bool(line) and any(
            _contains_line(line, one) or _contains_line(one, line) for one in self.removed
        )

    def introduces(self, name: str) -> bool:
        """Whether the edit adds the name, and did not remove it."""
        return any(name in line for line in self.added) and not any(
            name in line for line in self.removed
        )

    @property
    def resolves_a_conflict(self) -> bool:
        return any(line.startswith(("<<<<<<<", ">>>>>>>")) for line in self.removed)

    def shares(self, names: set[str]) -> bool:
        """Whether any of the names is in a changed line."""
        return any(names & set(_WORD.findall(line)) for line in (*self.removed, *self.added))

    @property
    def gist(self) -> str:
        """The edit in words, short and on one line."""
        old, new = _meaningful_lines(self.removed), _meaningful_lines(self.added)
        if self.whole or not (old or new):
            return f"`{self.file}` was written anew"
        if not old:
            return f"in `{self.file}` added {_quote(new)}"
        if not new:
            return f"in `{self.file}` removed {_quote(old)}"
        return f"in `{self.file}` {_quote(old)} became {_quote(new)}"


def find_edits(call: Call, project: str = "") -> tuple[Edit, ...]:
    """The edits of a call that succeeded; none for calls of other tools."""
    path = call.input.get("file_path") or call.input.get("notebook_path")
    if call.is_error or not isinstance(path, str):
        return ()
    file = relative_path(path, project)
    if call.name == "Write":
        return (Edit(file, call.position, (), (), whole=True),)
    if call.name == "Edit":
        return (_make_edit(file, call.position, call.input),)
    if call.name == "MultiEdit":
        several: Any = call.input.get("edits")
        found = cast("list[Any]", several) if isinstance(several, list) else []
        changes = (cast("dict[str, Any]", one) for one in found if isinstance(one, dict))
        return tuple(_make_edit(file, call.position, change) for change in changes)
    return ()


def relative_path(path: str, project: str) -> str:
    """The path relative to the project, if it is below it."""
    root = project.rstrip("/") + "/"
    return path[len(root) :] if project and path.startswith(root) else path


def _make_edit(file: str, position: int, arguments: dict[str, Any]) -> Edit:
    old, new = (str(arguments.get(name) or "")[:_LARGEST] for name in ("old_string", "new_string"))
    removed, added = _diff_lines(old.splitlines(), new.splitlines())
    return Edit(file, position, removed, added)


def _diff_lines(old: Sequence[str], new: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    removed: list[str] = []
    added: list[str] = []
    matcher = SequenceMatcher(None, [x.strip() for x in old], [x.strip() for x in new], False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag != "equal":
            removed += (line.strip() for line in old[a:b])
            added += (line.strip() for line in new[c:d])
    return tuple(filter(None, removed)), tuple(filter(None, added))


def _meaningful_lines(lines: Sequence[str]) -> Sequence[str]:
    """The first lines that mean something: code, and comments that a tool reads."""
    code = [line for line in lines if not _COMMENT.match(line) or _DIRECTIVE.search(line)]
    return ([line for line in code if len(line) > 2] or lines)[:_MOST_LINES]


def _contains_line(part: str, line: str) -> bool:
    return part == line or (len(part) >= _TELLING and part in line)


def _quote(lines: Sequence[str]) -> str:
    return " / ".join(f"`{line[:_LONGEST]}`" for line in lines)
