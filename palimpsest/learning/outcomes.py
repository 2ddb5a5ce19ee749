"""Whether what was offered helped: the error that it is about ended by it or in another way, the
command that it names ran or is not there."""

import re
from collections.abc import Iterator, Sequence

from palimpsest.context.tool_exchanges import Call
from palimpsest.learning.candidate import Candidate, alike
from palimpsest.learning.commands import commands
from palimpsest.learning.problems import succeeded
from palimpsest.learning.recipes import generalised
from palimpsest.memory.model import Fix, Memory, Pattern

_NOT_THERE = re.compile(
    r"command not found|[Nn]o such file|[Uu]nknown (?:command|task|target|flag|option)"
    r"|[Mm]issing script|no task|[Nn]o rule to make target|unrecognized"
)
_HEAD = 2_000


def outcomes(
    offered: Sequence[tuple[int, Memory]],
    calls: Sequence[Call],
    found: Sequence[Candidate],
    project: str = "",
) -> Iterator[tuple[str, bool]]:
    """Id and success of each memory, offered at a position, of which what came later tells.
    ``found`` are the candidates in the same messages."""
    for position, memory in offered:
        later = [call for call in calls if call.position >= position]
        if isinstance(memory.detail, Fix):
            helped = _mended(memory.detail, [c for c in found if c.position > position])
        elif isinstance(memory.detail, Pattern):
            helped = _ran(memory.detail, later, project)
        else:
            continue
        if helped is not None:
            yield memory.id, helped


def _mended(fix: Fix, later: Sequence[Candidate]) -> bool | None:
    """None where the error did not occur, or did not end."""
    ends = [
        candidate.detail
        for candidate in later
        if isinstance(candidate.detail, Fix) and candidate.detail.signature == fix.signature
    ]
    return any(alike(fix, end) for end in ends) if ends else None


def _ran(pattern: Pattern, later: Sequence[Call], project: str) -> bool | None:
    """None for what is no command, and while it was not run. A check that found fault ran."""
    told = {step.strip("`") for step in pattern.steps}
    for call in later:
        if call.name != "Bash":
            continue
        given = commands(str(call.input.get("command", "")), project)
        if any(generalised(command.text) in told for command in given):
            return succeeded(call) or not _NOT_THERE.search(call.output[:_HEAD])
    return None
