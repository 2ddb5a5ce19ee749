"""Finds how a project is tested, linted and built: the commands that worked.

Commands that any project with the same toolchain has are left out, since they are no news.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from palimpsest.context.tool_exchanges import Call
from palimpsest.learning.candidate import Candidate
from palimpsest.learning.commands import (
    Command,
    is_repeatable,
    is_runner,
    parse_commands,
)
from palimpsest.learning.model import CandidateKind
from palimpsest.learning.problems import has_failed, has_succeeded
from palimpsest.memory.model import Pattern

TRIGGERS = {
    "test": "To run the tests of this project",
    "lint": "To lint this project",
    "types": "To check the types of this project",
    "format": "To format the code of this project",
    "build": "To build this project",
    "generate": "To generate code or migrate in this project",
}

_PATH = re.compile(r"(?:\.{1,2}/)?[\w@][\w.@-]*(?:/[\w.@-]+)+/?\Z")
_COMMON_COMMAND = re.compile(
    r"(?:go (?:test|build|vet|fmt|generate)|cargo (?:test|build|check|fmt|clippy)|npm (?:test|t)"
    r"|dotnet (?:test|build)|mvn (?:test|compile)|swift (?:test|build)|zig build|tsc)"
    r"(?: (?:<path>|<name>|-run|-race|--|\./\.\.\.|\.))*\Z"
)
_OFTEN = 2
_CONFIDENT, _LIKELY, _HARDLY = 0.8, 0.5, 0.3


@dataclass(slots=True)
class _Tally:
    """``worked``, ``ran``: how often; ``position``: of its newest result."""

    command: Command
    worked: int = 0
    ran: int = 0
    position: int = 0


def find_recipes(calls: Iterable[Call], project: str = "") -> list[Candidate]:
    """The checks that worked, in the order of their first run, with more confidence the more
    often they ran. A check that finds errors in the code counts as a run, but it must have
    passed once."""
    tallies: dict[str, _Tally] = {}
    for call in calls:
        if call.name != "Bash":
            continue
        given = parse_commands(str(call.input.get("command", "")), project)
        worked = has_succeeded(call)
        if not worked and not has_failed(call):
            continue
        for command in given:
            if command.check and is_runner(command) and is_repeatable(command):
                tally = tallies.setdefault(generalise(command.text), _Tally(command))
                tally.ran += 1
                tally.worked += worked
                tally.position = call.result_position
    return [
        _candidate(text, tally)
        for text, tally in tallies.items()
        if tally.worked and not _COMMON_COMMAND.match(text)
    ]


def generalise(text: str) -> str:
    """Replaces paths after the program and its task by `<path>`."""
    words = text.split(" ")
    return " ".join(words[:2] + ["<path>" if _PATH.match(word) else word for word in words[2:]])


def _candidate(text: str, tally: _Tally) -> Candidate:
    example = tally.command.text if "<path>" in text else ""
    pattern = Pattern(TRIGGERS[tally.command.check], (f"`{text}`",), example)
    sure = _CONFIDENT if tally.worked >= _OFTEN else _LIKELY
    confidence = sure if tally.ran >= _OFTEN else _HARDLY
    return Candidate(CandidateKind.COMMAND, pattern, tally.position, confidence)
