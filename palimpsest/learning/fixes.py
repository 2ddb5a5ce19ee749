"""Finds what ended an error: the edit between a command that failed and the same check passing, or
the command that was run instead.

An edit counts only if it can be told from the others: it changed the line or the file that the
error names, or there was no other.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from palimpsest.context.tool_exchanges import Call
from palimpsest.learning.candidate import Candidate
from palimpsest.learning.commands import Command, parse_commands
from palimpsest.learning.edits import Edit, find_edits
from palimpsest.learning.model import CandidateKind
from palimpsest.learning.problems import (
    Problem,
    find_problems,
    has_failed,
    has_succeeded,
)
from palimpsest.memory.model import Fix

_MOST_CHANGES = 2
_SOON = 3
_EXCERPT = 300
_REPAIRS = re.compile(
    r"(?:go (?:mod (?:tidy|download|vendor)|get|install|generate)|(?:npm|pnpm|yarn|bun) (?:i|ci|add"
    r"|install|update)|(?:uv )?pip3? install|uv (?:sync|add|lock)"
    r"|poetry (?:add|install|lock|update)"
    r"|cargo (?:add|update|fix|clean)|bundle install|composer (?:install|require)|gem install"
    r"|brew install|apt(?:-get)? install|git (?:config|lfs|submodule|pull)"
    r"|chmod|mkdir|export|mise (?:install|trust)|rustup|docker compose (?:up|pull)|asdf|nvm use)\b"
)
_RULE = re.compile(r"[(\[]([a-z][\w/-]{2,40})[)\]]\Z")
_NAMES = re.compile(r"[A-Za-z_]\w{3,}")
_CONFIDENT, _LIKELY = 0.8, 0.6


@dataclass(slots=True)
class _OpenError:
    """An error that has not ended.

    ``command``: the one that failed.
    ``at``: the number of the run that it failed in.
    ``changes``: the edits since.
    ``repairs``: the commands since that repair an installation or a setting.
    """

    problem: Problem
    command: Command
    at: int
    changes: list[Edit] = field(default_factory=list[Edit])
    repairs: list[Command] = field(default_factory=list[Command])


def find_fixes(calls: Iterable[Call], project: str = "") -> list[Candidate]:
    """The fixes in a sequence of tool calls, in order; one pass."""
    seeker = _FixFinder(project)
    return [found for call in calls for found in seeker.read_call(call)]


class _FixFinder:
    def __init__(self, project: str) -> None:
        self._project = project
        self._open: dict[str, _OpenError] = {}
        self._run = 0

    def read_call(self, call: Call) -> Iterator[Candidate]:
        for edit in find_edits(call, self._project):
            for one in self._open.values():
                one.changes.append(edit)
        if call.name != "Bash":
            return
        given = parse_commands(str(call.input.get("command", "")), self._project)
        if not given:
            return
        self._run += 1
        if has_succeeded(call):
            yield from self._close_errors(given, call)
            self._add_repairs(given)
        elif has_failed(call):
            self._open_errors(given, call)

    def _open_errors(self, given: Sequence[Command], call: Call) -> None:
        of_tests = any(command.check == "test" for command in given)
        for problem in find_problems(call.output, of_tests=of_tests):
            blamed = _failing_command(given, problem)
            self._open[problem.signature] = _OpenError(problem, blamed, self._run)

    def _add_repairs(self, given: Sequence[Command]) -> None:
        for command in given:
            if _REPAIRS.match(command.text):
                for one in self._open.values():
                    one.repairs.append(command)

    def _close_errors(self, given: Sequence[Command], call: Call) -> Iterator[Candidate]:
        for sign, one in list(self._open.items()):
            again = next((command for command in given if _is_repeat(command, one.command)), None)
            if again is not None:
                del self._open[sign]
                yield from _fixes_by_change(one, call)
            elif self._run - one.at <= _SOON and not one.changes:
                instead = next((c for c in given if _is_replacement(c, one.command)), None)
                if instead is not None:
                    del self._open[sign]
                    yield _fix_by_command(one, instead, call)


def _failing_command(given: Sequence[Command], problem: Problem) -> Command:
    """The command of a line that reported an error: a check where the error is of code, else the
    one that the error names, else the last."""
    checks = [command for command in given if command.check]
    if problem.file and checks:
        linters = [command for command in checks if command.check == "lint"]
        return (linters if linters and _RULE.search(problem.message) else checks)[-1]
    named = (
        c for c in given if c.program.split()[0].rpartition("/")[2] in problem.message.split(":")[0]
    )
    return next(named, given[-1])


def _is_repeat(command: Command, failed_one: Command) -> bool:
    """Whether a command is the failed one again, or the same kind of check."""
    if command.text == failed_one.text:
        return True
    return bool(command.check) and command.check == failed_one.check


def _is_replacement(command: Command, failed_one: Command) -> bool:
    """Whether a command is another call of the failed program; never for a check."""
    if failed_one.check or "|" in failed_one.text or command.text == failed_one.text:
        return False
    return command.program == failed_one.program


def _fixes_by_change(one: _OpenError, call: Call) -> Iterator[Candidate]:
    chosen, confidence = _choose_edits(one.problem, one.changes)
    if chosen:
        remedy = "; ".join(dict.fromkeys(edit.gist for edit in chosen))
        yield _candidate(
            one, remedy, call, confidence, tuple(dict.fromkeys(e.file for e in chosen))
        )
    elif one.repairs and not one.changes:
        ran = " && ".join(dict.fromkeys(command.text for command in one.repairs[-2:]))
        yield _candidate(one, f"`{ran}`", call, _CONFIDENT)


def _fix_by_command(one: _OpenError, instead: Command, call: Call) -> Candidate:
    remedy = f"`{instead.text}` instead of `{one.command.text}`"
    return _candidate(one, remedy, call, _LIKELY)


def _choose_edits(problem: Problem, changes: Sequence[Edit]) -> tuple[list[Edit], float]:
    """The edits that ended the error, and the confidence, 0 to 1; none if they cannot be told from
    the others."""
    fit = [edit for edit in changes if not edit.whole and not edit.resolves_a_conflict]
    there = [edit for edit in fit if problem.file and edit.file.endswith(problem.file)]
    rule = _RULE.search(problem.message)
    touching = [edit for edit in there or fit if edit.touches(problem.source)]
    for pool in (touching, there or fit):
        silencing = [edit for edit in pool if rule and edit.introduces(rule[1])]
        if silencing:
            return silencing[:1], _CONFIDENT
    if touching:
        return touching[-1:], _CONFIDENT
    names = set(_NAMES.findall(problem.message))
    sharing = [edit for edit in there or fit if edit.shares(names)]
    for found in (sharing, there):
        if 0 < len(found) <= _MOST_CHANGES:
            return found, _LIKELY
    return [], 0.0


def _candidate(
    one: _OpenError, remedy: str, call: Call, confidence: float, files: tuple[str, ...] = ()
) -> Candidate:
    error = "\n".join(filter(None, (one.problem.message, one.problem.source)))[:_EXCERPT]
    fix = Fix(one.problem.signature, error, remedy, one.command.text)
    return Candidate(CandidateKind.FIX, fix, call.result_position, confidence, files)
