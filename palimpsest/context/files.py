"""The files that calls read and changed, each with its last known state."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from posixpath import commonpath
from typing import NamedTuple

from palimpsest.context.quoting import clipped, one_line
from palimpsest.context.tool_exchanges import Call

EDITS = ("Edit", "MultiEdit", "Write", "NotebookEdit")

_GIST_TOKENS = 18
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Line:
    """Lines are shown in ascending ``order``."""

    order: int
    text: str


class Lines(NamedTuple):
    """The most important one first; how many there are is known before they are made, and most are
    never asked for."""

    total: int
    lines: Iterator[Line]


def files(calls: Sequence[Call]) -> tuple[str, Lines]:
    """A title and each file's last state: changed files first, then the newest."""
    by_path: dict[str, list[Call]] = {}
    for call in calls:
        path = call.input.get("file_path") or call.input.get("notebook_path")
        if isinstance(path, str) and path.strip() and (call.name == "Read" or call.name in EDITS):
            by_path.setdefault(path, []).append(call)
    base = _base(list(by_path))
    rows = [
        (any(map(_changed, of_path)), of_path[-1].result_position, path, of_path)
        for path, of_path in by_path.items()
    ]
    rows.sort(key=lambda row: (not row[0], -row[1], row[2]))
    lines = (
        Line(number, f"{one_line(path.removeprefix(base))}: {', '.join(_history(of_path))}")
        for number, (_, _, path, of_path) in enumerate(rows)
    )
    return f"Files under {one_line(base)}" if base else "Files", Lines(len(rows), lines)


def _base(paths: Sequence[str]) -> str:
    absolute = {path for path in paths if path.startswith("/")}
    if len(absolute) < 2 or len(absolute) < len(paths):
        return ""
    common = commonpath(absolute)
    return common + "/" if common.count("/") > 1 else ""


def _changed(call: Call) -> bool:
    return call.name in EDITS and not call.is_error


def _history(of_path: Sequence[Call]) -> Iterator[str]:
    changes = [call for call in of_path if _changed(call)]
    reads = [call for call in of_path if call.name == "Read" and not call.is_error]
    failures = [call for call in of_path if call.is_error]
    if changes:
        last = changes[-1]
        yield f"changed {len(changes)}x, last #{last.result_position} {_gist(last)}"
    if reads:
        last = reads[-1]
        size = len(last.output.partition("<system-reminder>")[0].strip("\n").splitlines())
        start = last.input.get("offset")
        span = f"{size} lines" + (f" from {start}" if isinstance(start, int) else "")
        yield f"read {len(reads)}x, last #{last.result_position} {span}"
    if failures:
        yield f"failed {len(failures)}x, last #{failures[-1].result_position}"


def _gist(call: Call) -> str:
    """The first new line of a change, or the first that it took away."""
    if call.name == "Write":
        return f"written, {str(call.input.get('content', '')).count(chr(10)) + 1} lines"
    old, new = (str(call.input.get(name, ""))[:_LONGEST] for name in ("old_string", "new_string"))
    added, removed = _first_of(new, old), _first_of(old, new)
    said = clipped(one_line(added or removed), _GIST_TOKENS)
    return f"{'to' if added else 'without'} `{said}`"


def _first_of(text: str, other: str) -> str:
    """The first line of some length that the other text does not have."""
    known = {line.strip() for line in other.splitlines()}
    fresh = (line.strip() for line in text.splitlines())
    return next((line for line in fresh if len(line) > 3 and line not in known), "")
