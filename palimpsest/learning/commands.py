"""Parses shell commands into what can be run again: the kind of check, and the words that last.

The *check* is what a command is for: to test, lint, format, build, check types or generate. `cd`
into the project's own folder, redirections, pagers and filters are dropped; a selector of single
tests becomes `<name>`.
"""

import re
import shlex
from dataclasses import dataclass

_LONGEST = 240
_CHECKS = {
    "test": r"(?:test|tests|pytest|jest|vitest|mocha|rspec|phpunit|tox|nextest|unittest|ctest|e2e)",
    "lint": r"(?:lint|golangci-lint|eslint|ruff|flake8|clippy|vet|shellcheck|rubocop|pylint)",
    "types": r"(?:tsc|mypy|pyright|typecheck|type-check)",
    "format": r"(?:fmt|format|gofmt|goimports|prettier|black|rustfmt)",
    "build": r"(?:build|compile|assemble|webpack|cmake)",
    "generate": r"(?:generate|codegen|protoc|migrate|makemigrations)",
}
_CHECK = {
    name: re.compile(rf"(?:^|[\s:/-]){words}(?=$|[\s:/-])") for name, words in _CHECKS.items()
}
_RUNNERS = re.compile(
    r"(?:mise|make|just|task|npm|pnpm|yarn|bun|npx|uv|poetry|hatch|nox|pdm|cargo|go|gradle|mvn|dotnet"
    r"|bundle|rake|composer|bazel|deno|python3?|node|sbt|mix|zig|swift|xcodebuild|ninja|pre-commit"
    r"|\./gradlew|\./mvnw|\.{0,2}/?(?:scripts?|bin|tools|dev)/[\w.-]+|\./[\w.-]+\.sh)\Z"
)
_PIECES = re.compile(r"\"(?:\\.|[^\"\\])*\"|'[^']*'|(&&|\|\||;|\n)|[^\"'&|;\n]+|.", re.DOTALL)
_REDIRECTION = re.compile(r"\s*(?:2>&1|&>\s*\S+|[12]?>>?\s*\S+)")
_FILTER = re.compile(
    r"\s*\|\s*(?:head|tail|grep|rg|tee|less|cat|sort|uniq|wc|sed|awk|cut|tr)\b.*\Z"
)
_VARIABLE = re.compile(r"(?:[A-Z_][A-Z0-9_]*=\S*\s+)+")
_SELECTOR = re.compile(
    r"((?:^|\s)(?:-run|--run|-k|-t|--testNamePattern|--grep|--tests?|--filter|-m)[ =])"
    r"(?:\"[^\"]*\"|'[^']*'|\S+)"
)
_TRANSIENT = re.compile(r"\s+(?:-v+|--verbose|-count=\d+|-x|--no-cache|-timeout[ =]\S+)(?=\s|\Z)")
_ABSOLUTE = re.compile(r"(?<![\w.])/(?:Users|home|root|tmp|var|private|work|opt|mnt)/\S*")
_ARGUMENT = re.compile(r"-|.*/\S*\.\w+\Z|\.\.?/\S*\.\.\.")
_MOVE = re.compile(r"cd\s+(\"[^\"]+\"|'[^']+'|\S+)\Z")
_UNFIT = re.compile(r"<<|\$\(|`|\bfor\b|\bwhile\b|\bif\b|[{}]|\bxargs\b|\|")


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command of a line.

    ``text``: as it can be run again, with `<name>` where it selected single tests.
    ``check``: the kind of check; empty if it is none.
    ``program``: its first one or two words.
    """

    text: str
    check: str
    program: str


def parse_commands(line: str, project: str = "") -> tuple[Command, ...]:
    """The simple commands of a line, in order; none of a script with loops or here-documents."""
    if len(line) > 4 * _LONGEST or "<<" in line:
        return ()
    found: list[Command] = []
    folder = ""
    for part in _split_line(line.strip().replace("\\\n", " ")):
        text = _REDIRECTION.sub("", _FILTER.sub("", part)).strip()
        if move := _MOVE.match(text):
            folder = _relative_folder(move[1].strip("\"'"), project)
        elif text and len(text) <= _LONGEST:
            found.append(_parse_command(text, folder))
    return tuple(found)


def _split_line(line: str) -> list[str]:
    """Splits the line at the operators that join commands, outside of quotes."""
    parts = [""]
    for piece in _PIECES.finditer(line):
        if piece[1]:
            parts.append("")
        else:
            parts[-1] += piece[0]
    return parts


def is_runner(command: Command) -> bool:
    """Whether the program runs a project's own tasks, so that its arguments are particular to the
    project."""
    return _RUNNERS.match(command.program.split()[0]) is not None


def is_repeatable(command: Command) -> bool:
    """Whether the command is plain enough for a recipe: no substitution, no pipe, no path that
    exists on one machine only."""
    return not _UNFIT.search(command.text) and not _ABSOLUTE.search(command.text)


def _parse_command(text: str, folder: str) -> Command:
    bare = _VARIABLE.sub("", text) if _VARIABLE.match(text) else text
    lasting = " ".join(_TRANSIENT.sub("", _SELECTOR.sub(r"\1<name>", text)).split())
    lasting = f"cd {folder} && {lasting}" if folder else lasting
    try:
        words = shlex.split(bare)
    except ValueError:
        words = bare.split()
    return Command(lasting, _find_check(words), " ".join(words[:2] if words[1:] else words))


def _find_check(words: list[str]) -> str:
    """The check, by the first words of a runner or by the program itself; not by arguments, which
    may be the name of any file."""
    if not words or "\n" in words[0]:
        return ""
    runs = _RUNNERS.match(words[0])
    said = [word for word in words[: 4 if runs else 1] if not _ARGUMENT.match(word)]
    return next((name for name, check in _CHECK.items() if check.search(" ".join(said))), "")


def _relative_folder(folder: str, project: str) -> str:
    """The folder relative to the project if it is below it; empty for the project itself."""
    if project and (folder == project or folder.startswith(project.rstrip("/") + "/")):
        return folder[len(project.rstrip("/")) + 1 :]
    return folder.rstrip("/") if folder not in (".", "./") else ""
