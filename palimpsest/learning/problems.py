"""Finds the errors in a command's output: lines of a form that compilers, linters, interpreters,
version control or shells are known to print.

Failed assertions are left out: they are about code that is being written, and nobody meets them
again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from palimpsest.context.tool_exchanges import Call
from palimpsest.learning.signature import signature

_MOST = 12
_LINES = 4_000
_LONGEST_LINE = 600
_EXIT = re.compile(r"\s*(?:<error>)?\s*Exit code (\d+)")
_REFUSED = re.compile(
    r"\s*(?:The user doesn't want|<tool_use_error>|\[Request interrupted|Permission to use|"
    r"Command (?:was )?(?:timed out|aborted|cancelled)|This command requires approval|Hook )"
)

# The forms of lines that tell of an error.
_PLACED = re.compile(
    r"(?:\[[\w:]+\] )?(?P<file>(?:\./)?[\w@./\\+-]+\.[A-Za-z]\w{0,5}):(?P<line>\d+)"
    r"(?::\d+(?::|\s-)|(?=:\s*(?:fatal )?error\b):)"
    r"\s*(?:: # .*|(?:(?:fatal )?error(?::\s*| (?=TS\d)))?(?P<what>\S.*))"
)
_TYPESCRIPT = re.compile(
    r"(?P<file>[\w@./+-]+\.[cm]?[jt]sx?)\((?P<line>\d+),\d+\): error (?P<what>TS\d+: .+)"
)
# A line that only a place in the next one makes an error.
_HEADED = re.compile(r"(?P<what>error(?:\[E\d+\])?: .+|[A-Z]{1,5}\d{3,4} .+)")
_PLACE = re.compile(r"\s*--> (?P<file>\S+?):(?P<line>\d+):\d+")
_SHOWN = re.compile(r"\s*\d+ \| ?(?P<source>.*\S)")
# ESLint's list below the name of a file.
_LISTED = re.compile(r"\s+(?P<line>\d+):\d+\s+error\s+(?P<what>\S.*?)\s{2,}(?P<rule>[@\w/-]+)\Z")
_FILE = re.compile(r"(?:/|\./)?[\w@./+-]+\.\w{1,5}\Z")
_RAISED = re.compile(
    r"(?:E\s{2,})?(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught )?"
    r"(?P<what>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|NotFound|Refused|Exit)(?::\s.+)?"
    r"|Error: (?:Cannot find module|ENOENT|EACCES|EADDRINUSE|ECONNREFUSED|ERR_)\b.*)\Z"
)
_SAID = re.compile(
    r"(?P<what>(?:[\w.-]+: )?(?:fatal|error|panic|Error|ERROR|FATAL|ERR_\w+)(?: \([^)]*\))?: \S.+"
    r"|Error response from daemon: .+|make(?:\[\d+\])?: \*\*\* No rule .+"
    r"|npm (?:ERR!|error) (?!code |path |errno |A complete log)\S.+"
    r"|(?:\S*/)?(?:ba|z|da|fi)?sh(?:: line \d+)?: .+"
    r"|[\w./-]+: (?:line \d+: )?\S.*(?:command not found|[Nn]o such file or directory"
    r"|Permission denied|(?:illegal|invalid|unrecognized|unknown) (?:option|argument|flag)).*"
    r"|(?:unknown|unrecognized|invalid) (?:flag|option|argument|command|subcommand)\b.+"
    r"|usage error: .+|CONFLICT \(.+)"
)
_ASSERTED = re.compile(
    r"(?:AssertionError|AssertError|.*\bexpected\b.*\b(?:got|to be|actual)\b)", re.IGNORECASE
)
_SAYS_NOTHING = re.compile(
    r"(?:(?:fatal|error): )?(?:exit(?:ed)? (?:status|code|with).*|too many errors|.*task failed.*"
    r"|.*build failed|process completed.*|command failed.*|aborting.*|.*failed to compile.*"
    r"|could not compile.*|.*see (?:above|below|log).*|.*timed out.*|<\w+>|: # <path>.*|# .*)\Z",
    re.IGNORECASE,
)
# Of code that is being written: what was to be renamed, passed or declared is done once.
_IN_FLUX = re.compile(
    r"undefined: |not enough arguments|too many arguments|cannot use |.*redeclared|.* undefined \("
    r"|declared and not used|.*imported and not used|assignment mismatch|.*mismatched types"
    r"|could not import|.*\bis unused\b|.*unused (?:variable|import|function|parameter)"
    r"|TS(?:2304|2339|2345|2322|2551|2552|2554|2741|6133)\b|E0(?:308|425|432|433|599|061)\b"
    r"|.*cannot find symbol|.* object has no attribute|.*\bmissing \S+ required positional"
    r"|NameError: |.*(?:could not apply|Merge conflict in)|.*invalid operation: "
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
    """One error in an output.

    ``signature``: what it has in common with the same error at other times.
    ``message``: the line that reports it.
    ``source``: the line of code that was printed with it.
    ``file``, ``line``: its place; empty and 0 where the output names none.
    """

    signature: str
    message: str
    source: str = ""
    file: str = ""
    line: int = 0


def has_failed(call: Call) -> bool:
    """Whether a command failed. One that was refused or cut off did not."""
    if _REFUSED.match(call.output):
        return False
    return call.is_error or bool(_EXIT.match(call.output)) or bool(_FAILED.search(call.output))


def has_succeeded(call: Call) -> bool:
    """Whether a command succeeded. One that was refused or cut off did not."""
    return not call.is_error and not has_failed(call) and not _REFUSED.match(call.output)


def find_problems(output: str, *, of_tests: bool = False) -> tuple[Problem, ...]:
    """The distinct errors in the output of a failed command, in order, a dozen at most.
    ``of_tests``: the command ran tests, so error messages that name no place are left out."""
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
        if _ASSERTED.match(line):
            continue
        if _FILE.match(line):
            file = line
        elif listed := _LISTED.match(line):
            what = f"{listed['what']} ({listed['rule']})"
            yield Problem(signature(what), what, "", file, int(listed["line"]))
        elif placed := _PLACED.match(line) or _TYPESCRIPT.match(line):
            if what := placed["what"]:
                source = _source(lines[number + 1 : number + 2])
                yield Problem(signature(what), what, source, placed["file"], int(placed["line"]))
        else:
            yield from _read_unplaced(line, lines[number + 1 : number + 5], of_tests)


def _read_unplaced(line: str, after: list[str], of_tests: bool) -> Iterator[Problem]:
    """Reads an error whose line names no place; the next line may name it."""
    headed, place = _HEADED.match(line), _PLACE.match(after[0]) if after else None
    if headed and place:
        what = headed["what"]
        shown = next((found["source"] for row in after if (found := _SHOWN.match(row))), "")
        yield Problem(signature(what), what, shown, place["file"], int(place["line"]))
    elif (raised := _RAISED.match(line)) and ":" in raised["what"]:
        yield Problem(signature(raised["what"]), raised["what"])
    elif (said := _SAID.match(line)) and (not of_tests or line.startswith("panic: ")):
        yield Problem(signature(said["what"]), said["what"])


def _source(after: list[str]) -> str:
    """The line of code that is printed below an error, indented or numbered."""
    line = after[0][:_LONGEST_LINE] if after else ""
    shown = _SHOWN.match(line)
    return shown["source"] if shown else line.strip() if line[:1].isspace() else ""


def _is_specific(sign: str) -> bool:
    return (
        len(_LETTERS.findall(sign)) >= 2
        and len(sign) >= 12
        and not (_SAYS_NOTHING.match(sign) or _IN_FLUX.match(sign))
    )
