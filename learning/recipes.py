"""How this project is tested, linted, built: the commands that worked more than once."""

from collections.abc import Iterable
from dataclasses import dataclass

from context.exchanges import Call
from intelligence.memory import Pattern
from learning.candidate import Candidate
from learning.commands import Command, commands, is_repeatable, is_runner
from learning.problems import failed, succeeded

TRIGGERS = {
    "test": "To run the tests of this project",
    "lint": "To lint this project",
    "types": "To check the types of this project",
    "format": "To format the code of this project",
    "build": "To build this project",
    "generate": "To generate code or migrate in this project",
}

_OFTEN = 2
_CONFIDENT, _LIKELY = 0.8, 0.5


@dataclass(slots=True)
class _Tally:
    command: Command
    worked: int = 0
    ran: int = 0
    position: int = 0


def recipes(calls: Iterable[Call], project: str = "") -> list[Candidate]:
    """The checks that ran at least twice and worked at least once, in the order they first ran. A
    check that fails since the code is wrong works all the same."""
    tallies: dict[str, _Tally] = {}
    for call in calls:
        if call.name != "Bash":
            continue
        given = commands(str(call.input.get("command", "")), project)
        worked = succeeded(call)
        if not worked and not failed(call):
            continue
        for command in given:
            if command.check and is_runner(command) and is_repeatable(command):
                tally = tallies.setdefault(command.text, _Tally(command))
                tally.ran += 1
                tally.worked += worked
                tally.position = call.result_position
    return [_candidate(tally) for tally in tallies.values() if tally.worked and tally.ran >= _OFTEN]


def _candidate(tally: _Tally) -> Candidate:
    pattern = Pattern(TRIGGERS[tally.command.check], (f"`{tally.command.text}`",))
    confidence = _CONFIDENT if tally.worked >= _OFTEN else _LIKELY
    return Candidate("command", pattern, tally.position, confidence)
