"""The errors that a command's output tells of: what compilers, linters, interpreters, version
control and shells say, each on a line that is known to be one.

Failed assertions are left out: they are about code that is being written, and nobody meets them
again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from palimpsest.context.tool_exchanges import Call
from palimpsest.learning.error_forms import (
    ASSERTED,
    FILE,
    HEADED,
    IN_FLUX,
    LISTED,
    PLACE,
    PLACED,
    RAISED,
    SAID,
    SAYS_NOTHING,
    SHOWN,
    TYPESCRIPT,
)
from palimpsest.learning.signature import signature

_MOST = 12
_LINES = 4_000
_LONGEST_LINE = 600
_EXIT = re.compile(r"\s*(?:<error>)?\s*Exit code (\d+)")
_REFUSED = re.compile(
    r"\s*(?:The user doesn't want|<tool_use_error>|\[Request interrupted|Permission to use|"
    r"Command (?:was )?(?:timed out|aborted|cancelled)|This command requires approval|Hook )"
)
# What says of an output without an exit code that a check failed all the same.
_FAILED = re.compile(
    r"^(?:FAIL\b|--- FAIL: |=+ .*\b[1-9]\d* (?:failed|errors?)\b|FAILED |Traceback \(most recent"
    r"|error\[E\d+\]|.*\berror TS\d+: |Found [1-9]\d* errors?\b|\[\S+\] ERROR task failed"
    r"|[1-9]\d* issues:|make(?:\[\d+\])?: \*\*\* |npm (?:ERR!|error) |BUILD FAILED|Tests:.* failed"
    r"|✖ [1-9]\d* problems?)",
    re.MULTILINE,
)

_LETTERS = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Problem:
    """``said`` is the line that told of the error, ``source`` the line of code that it showed;
    ``file`` and ``line`` are where it is, as far as it said so."""

    signature: str
    message: str
    source: str = ""
    file: str = ""
    line: int = 0


def has_failed(call: Call) -> bool:
    """Whether a command failed, and was not refused or cut off."""
    if _REFUSED.match(call.output):
        return False
    return call.is_error or bool(_EXIT.match(call.output)) or bool(_FAILED.search(call.output))


def has_succeeded(call: Call) -> bool:
    """Whether a command ended well; one that was refused or cut off did neither."""
    return not call.is_error and not has_failed(call) and not _REFUSED.match(call.output)


def find_problems(output: str, *, of_tests: bool = False) -> tuple[Problem, ...]:
    """The distinct errors in the output of a command that failed, in order, a dozen at most.
    ``of_tests``: what programs under test say is not an error of theirs."""
    found: dict[str, Problem] = {}
    for problem in _read_problems(output.splitlines()[:_LINES], of_tests):
        if _is_specific(problem.signature):
            found.setdefault(problem.signature, problem)
        if len(found) == _MOST:
            break
    return tuple(found.values())


def _read_problems(lines: list[str], of_tests: bool) -> Iterator[Problem]:
    file = ""
    for number, full in enumerate(lines):
        line = full[:_LONGEST_LINE].rstrip()
        if ASSERTED.match(line):
            continue
        if FILE.match(line):
            file = line
        elif listed := LISTED.match(line):
            what = f"{listed['what']} ({listed['rule']})"
            yield Problem(signature(what), what, "", file, int(listed["line"]))
        elif placed := PLACED.match(line) or TYPESCRIPT.match(line):
            if what := placed["what"]:
                source = _source(lines[number + 1 : number + 2])
                yield Problem(signature(what), what, source, placed["file"], int(placed["line"]))
        else:
            yield from _read_unplaced(line, lines[number + 1 : number + 5], of_tests)


def _read_unplaced(line: str, after: list[str], of_tests: bool) -> Iterator[Problem]:
    """An error whose line names no place; the next one may."""
    headed, place = HEADED.match(line), PLACE.match(after[0]) if after else None
    if headed and place:
        what = headed["what"]
        shown = next((found["source"] for row in after if (found := SHOWN.match(row))), "")
        yield Problem(signature(what), what, shown, place["file"], int(place["line"]))
    elif (raised := RAISED.match(line)) and ":" in raised["what"]:
        yield Problem(signature(raised["what"]), raised["what"])
    elif (said := SAID.match(line)) and (not of_tests or line.startswith("panic: ")):
        yield Problem(signature(said["what"]), said["what"])


def _source(after: list[str]) -> str:
    """The line of code that is shown below an error, indented or numbered."""
    line = after[0][:_LONGEST_LINE] if after else ""
    shown = SHOWN.match(line)
    return shown["source"] if shown else line.strip() if line[:1].isspace() else ""


def _is_specific(sign: str) -> bool:
    return (
        len(_LETTERS.findall(sign)) >= 2
        and len(sign) >= 12
        and not (SAYS_NOTHING.match(sign) or IN_FLUX.match(sign))
    )
