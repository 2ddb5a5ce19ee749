"""Judges whether injected memories helped: the error ended by the fix or in another way, the
command ran or does not exist."""

import re
from collections.abc import Iterator, Sequence

from palimpsest.context.tool_exchanges import Call
from palimpsest.learning.candidate import Candidate, say_the_same
from palimpsest.learning.commands import parse_commands
from palimpsest.learning.problems import has_succeeded
from palimpsest.learning.recipes import generalise
from palimpsest.memory.model import Fix, Memory, Pattern

_NOT_THERE = re.compile(
    r"command not found|[Nn]o such file|[Uu]nknown (?:command|task|target|flag|option)"
    r"|[Mm]issing script|no task|[Nn]o rule to make target|unrecognized"
)
_HEAD = 2_000


def judge_offered(
    offered: Sequence[tuple[int, Memory]],
    calls: Sequence[Call],
    found: Sequence[Candidate],
    project: str = "",
) -> Iterator[tuple[str, bool]]:
    """The id of each injected memory that later messages put to the test, and whether it helped.
    ``offered``: memories with the position they were injected at; ``found``: the candidates in the
    same messages."""
    for position, memory in offered:
        later = [call for call in calls if call.position >= position]
        if isinstance(memory.detail, Fix):
            helped = _fix_helped(memory.detail, [c for c in found if c.position > position])
        elif isinstance(memory.detail, Pattern):
            helped = _pattern_helped(memory.detail, later, project)
        else:
            continue
        if helped is not None:
            yield memory.id, helped


def _fix_helped(fix: Fix, later: Sequence[Candidate]) -> bool | None:
    """Whether the fix ended its error; None where the error did not occur, or did not end."""
    ends = [
        candidate.detail
        for candidate in later
        if isinstance(candidate.detail, Fix) and candidate.detail.signature == fix.signature
    ]
    return any(say_the_same(fix, end) for end in ends) if ends else None


def _pattern_helped(pattern: Pattern, later: Sequence[Call], project: str) -> bool | None:
    """Whether the pattern's command ran; None where it was not tried, or is no command. A check
    that finds errors has run."""
    told = {step.strip("`") for step in pattern.steps}
    for call in later:
        if call.name != "Bash":
            continue
        given = parse_commands(str(call.input.get("command", "")), project)
        if any(generalise(command.text) in told for command in given):
            return has_succeeded(call) or not _NOT_THERE.search(call.output[:_HEAD])
    return None
