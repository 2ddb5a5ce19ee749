"""The rules of the house that no linter knows."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("api", "activities", "migrations", "palimpsest", "workflows")
SOURCES = sorted(
    [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    + list(ROOT.glob("*.py"))
)
SETTINGS = "palimpsest/runtime/settings.py"
LONGEST = 300
PURE = ("asyncio", "socket", "httpx", "sqlalchemy", "temporalio", "asyncpg", "fastapi", "starlette")


def imports(path: Path) -> Iterator[str]:
    """Every module a file imports, late imports too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def named(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("package", ["context", "dialects"])
def test_what_plans_and_what_parses_does_no_io(package: str) -> None:
    for path in (ROOT / "palimpsest" / package).rglob("*.py"):
        for module in imports(path):
            assert module.partition(".")[0] not in PURE, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", [path for path in named(SOURCES) if path != SETTINGS])
def test_only_the_settings_read_the_environment(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "os":
            assert node.attr not in ("environ", "environb", "getenv", "putenv"), node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            assert not {alias.name for alias in node.names} & {"environ", "getenv"}


@pytest.mark.parametrize("path", named(SOURCES))
def test_no_file_is_long(path: str) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= LONGEST


TESTS = sorted((ROOT / "tests").rglob("*.py"))


@pytest.mark.parametrize("path", named(TESTS))
def test_helpers_come_from_support_alone(path: str) -> None:
    folders = ("tests.unit", "tests.server", "tests.e2e", "tests.conftest")
    borrowed = [module for module in imports(ROOT / path) if module.startswith(folders)]
    assert borrowed == []


def test_every_test_says_by_its_folder_what_it_needs() -> None:
    tests = [path.relative_to(ROOT / "tests") for path in TESTS if path.name.startswith("test_")]
    assert {path.parts[0] for path in tests} == {"unit", "server", "e2e"}
    assert not [path for path in tests if path.parts[0] == "unit" and _needs_servers(path)]


def _needs_servers(path: Path) -> bool:
    """Whether a fixture of a real server is asked for."""
    tree = ast.parse((ROOT / "tests" / path).read_text())
    names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    return bool(names & {"servers", "postgres", "temporal", "database", "running", "shared_up"})


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 60
