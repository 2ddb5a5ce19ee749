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


def test_the_context_package_does_no_io() -> None:
    for path in (ROOT / "palimpsest/context").rglob("*.py"):
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


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 60
