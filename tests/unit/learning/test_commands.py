"""What lasts of a command line."""

import pytest

from palimpsest.learning.commands import (
    Command,
    is_repeatable,
    is_runner,
    parse_commands,
)


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ("mise run fmt && mise run lint 2>&1 | tail -20", ["mise run fmt", "mise run lint"]),
        ("cd /home/me/project && make test", ["make test"]),
        ("cd /home/me/project/web && npm test", ["cd web && npm test"]),
        ("CI=1 pytest -x -k 'one or two' tests/a", ["CI=1 pytest -k <name> tests/a"]),
        ("go test ./... -run TestA -v -count=1", ["go test ./... -run <name>"]),
        ("python3 -c 'a; b && c' > /tmp/out", ["python3 -c 'a; b && c'"]),
        ("cat <<EOF\nx\nEOF", []),
    ],
)
def test_moves_filters_and_selectors_go(line: str, texts: list[str]) -> None:
    assert [command.text for command in parse_commands(line, "/home/me/project")] == texts


@pytest.mark.parametrize(
    ("line", "check"),
    [
        ("mise run test:ci", "test"),
        ("uv run pytest tests", "test"),
        ("golangci-lint run ./...", "lint"),
        ("npx tsc --noEmit", "types"),
        ("go build ./...", "build"),
        ("gofmt -w .", "format"),
        ("mkdir test", ""),
        ("git log --grep test", ""),
        ("cat tests/test_a.py", ""),
        ("python3 scripts/load.py test.json", ""),
    ],
)
def test_a_check_is_known_by_its_program(line: str, check: str) -> None:
    assert [command.check for command in parse_commands(line)] == [check]


def only(line: str) -> Command:
    [command] = parse_commands(line)
    return command


def test_what_can_be_told_as_a_recipe() -> None:
    assert is_runner(only("mise run test"))
    assert is_runner(only("./scripts/check.sh all"))
    assert not is_runner(only("gofmt -d x.go"))
    assert is_repeatable(only("make test"))
    assert not is_repeatable(only("go build -o /tmp/out ./cmd"))
    assert not is_repeatable(only("npm test $(git diff --name-only)"))
