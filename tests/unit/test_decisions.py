"""Rules of decisions that can be checked in the source."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = re.compile(r"workflows\.(?:learning_)?contracts\Z")
ALLOWED = sys.stdlib_module_names | {"temporalio"}


def imported(source: str) -> Iterator[str]:
    """The full name of every imported module, wherever it is imported."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def strangers(source: str) -> list[str]:
    return [
        name
        for name in imported(source)
        if name.partition(".")[0] not in ALLOWED and not CONTRACTS.match(name)
    ]


@pytest.mark.parametrize("file", sorted((ROOT / "workflows").glob("*.py")), ids=lambda f: f.name)
def test_workflow_files_import_nothing_that_needs_a_sandbox(file: Path) -> None:
    """ADR 4."""
    assert strangers(file.read_text()) == []


def test_a_stranger_is_found() -> None:
    source = (
        "import httpx\ndef f():\n    from store.blobs import Blob\nimport workflows.proxy_request"
    )
    assert strangers(source) == ["httpx", "workflows.proxy_request", "store.blobs"]
