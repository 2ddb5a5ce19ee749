"""The errors that a command's output tells of: what compilers, linters, interpreters, version
control and shells say, each on a line that is known to be one.

Failed assertions are left out: they are about code that is being written, and nobody meets them
again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from context.exchanges import Call
from learning.signature import signature

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

_PLACED = re.compile(
    r"(?:\[[\w:]+\] )?(?P<file>(?:\./)?[\w@./\\+-]+\.[A-Za-z]\w{0,5}):(?P<line>\d+)"
    r"(?::\d+(?::|\s-)|(?=:\s*(?:fatal )?error\b):)"
    r"\s*(?:: # .*|(?:(?:fatal )?error:\s*)?(?P<what>\S.*))"
)
_TYPESCRIPT = re.compile(
    r"(?P<file>[\w@./+-]+\.[cm]?[jt]sx?)\((?P<line>\d+),\d+\): error (?P<what>TS\d+: .+)"
)
_RUST = re.compile(r"error\[(?P<code>E\d+)\]: (?P<what>.+)")
_RUST_PLACE = re.compile(r"\s*--> (?P<file>\S+?):(?P<line>\d+):\d+")
_RAISED = re.compile(
    r"(?:E\s{2,})?(?:Exception in thread \"[^\"]*\" |Caused by: |Uncaught )?"
    r"(?P<what>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|NotFound|Refused|Exit)(?::\s.+)?)\Z"
)
_SAID = re.compile(
    r"(?P<what>(?:fatal|error|panic|jq: error|Error|ERROR|ERR_\w+)(?: \([^)]*\))?: \S.+"
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
_LETTERS = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Problem:
    """``said`` is the line that told of the error, ``source`` the line of code that it showed;
    ``file`` and ``line`` are where it is, as far as it said so."""

    signature: str
    said: str
    source: str = ""
    file: str = ""
    line: int = 0


def failed(call: Call) -> bool:
    """Whether a command failed, and was not refused or cut off."""
    if _REFUSED.match(call.output):
        return False
    return call.is_error or bool(_EXIT.match(call.output)) or bool(_FAILED.search(call.output))


def succeeded(call: Call) -> bool:
    """Whether a command ended well; one that was refused or cut off did neither."""
    return not call.is_error and not failed(call) and not _REFUSED.match(call.output)


def problems(output: str, *, of_tests: bool = False) -> tuple[Problem, ...]:
    """The distinct errors in the output of a command that failed, in order, a dozen at most.
    ``of_tests``: what programs under test say is not an error of theirs."""
    found: dict[str, Problem] = {}
    for problem in _problems(output.splitlines()[:_LINES], of_tests):
        if _tells(problem.signature):
            found.setdefault(problem.signature, problem)
        if len(found) == _MOST:
            break
    return tuple(found.values())


def _problems(lines: list[str], of_tests: bool) -> Iterator[Problem]:
    for number, full in enumerate(lines):
        line = full[:_LONGEST_LINE].rstrip()
        if _ASSERTED.match(line):
            continue
        after = lines[number + 1][:_LONGEST_LINE] if number + 1 < len(lines) else ""
        placed = _PLACED.match(line) or _TYPESCRIPT.match(line)
        if placed and placed["what"]:
            source = after.strip() if after[:1].isspace() else ""
            what = placed["what"]
            yield Problem(signature(what), what, source, placed["file"], int(placed["line"]))
        elif placed:
            continue
        elif rust := _RUST.match(line):
            place = _RUST_PLACE.match(after)
            where = (place["file"], int(place["line"])) if place else ("", 0)
            yield Problem(signature(f"{rust['code']}: {rust['what']}"), line, "", *where)
        elif (raised := _RAISED.match(line)) and ":" in raised["what"]:
            yield Problem(signature(raised["what"]), raised["what"])
        elif (said := _SAID.match(line)) and (not of_tests or line.startswith("panic: ")):
            yield Problem(signature(said["what"]), said["what"])


def _tells(sign: str) -> bool:
    return (
        len(_LETTERS.findall(sign)) >= 2
        and len(sign) >= 12
        and not (_SAYS_NOTHING.match(sign) or _IN_FLUX.match(sign))
    )
