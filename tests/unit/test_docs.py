"""The documents tell of what is there: commands, routes, settings, metrics, files."""

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from api.routes import (
    conversations,
    count_tokens,
    health,
    memory,
    messages,
    passthrough,
    requests,
    stats,
    stream,
)
from harness.settings_table import CONFIGURATION, with_table
from palimpsest.runtime.metrics import Metrics

ROOT = Path(__file__).parents[2]
MODULES = (
    *(messages, count_tokens, requests, conversations, memory, stream),
    *(stats, health, passthrough),
)
README = ROOT / "README.md"
FRONT_DOOR_BYTES = 6144
STATUS = r"Status: (?:accepted|superseded by ADR \d+), \d{4}-\d{2}-\d{2}\."
PAGES = sorted((ROOT / "docs").glob("*.md"))
ADRS = sorted((ROOT / "docs/adr").glob("*.md"))
DOCUMENTS = (*sorted(ROOT.glob("*.md")), *PAGES, *ADRS)


def _routes() -> set[str]:
    """Our own routes, as `METHOD path`."""
    return {
        f"{method} {route.path}"
        for module in MODULES
        for route in module.router.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }


def _section(page: str, title: str) -> str:
    text = (ROOT / "docs" / page).read_text()
    found = re.search(rf"^##+ {title}\n(.*?)(?=^##+ |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def test_the_front_door_is_one_page_that_leads_to_all_others() -> None:
    text = README.read_text()
    assert len(text.encode()) <= FRONT_DOOR_BYTES
    linked = set(re.findall(r"\]\(([^)#]+)\)", text))
    assert {f"docs/{page.name}" for page in PAGES} | {"docs/adr/", "LICENSE"} <= linked
    assert {page.name for page in ROOT.glob("*.md")} - {README.name} <= linked


def test_documented_commands_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = re.findall(
        r"^\| `make ([a-z-]+)", _section("development.md", "Commands"), re.MULTILINE
    )
    assert set(listed) == targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_commands_are_in_the_makefile(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = document.read_text()
    named = re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)
    assert set(named) <= targets


def test_documented_routes_are_those_of_the_app() -> None:
    table = _section("http-api.md", "Endpoints")
    rows = re.findall(r"^\| `([A-Z]+ \S+)` \| (.*) \|$", table, re.MULTILINE)
    passed = {route for route, meaning in rows if meaning.startswith("Passed through")}
    assert {route for route, _ in rows} - passed == _routes()
    assert passed == {"GET /v1/models"}


def test_the_table_of_settings_is_the_settings() -> None:
    text = CONFIGURATION.read_text()
    assert with_table(text) == text, "run .venv/bin/python -m harness.settings_table"


def test_documented_metrics_are_those_counted() -> None:
    exposed = re.findall(r"^# TYPE (\S+) ", Metrics(lambda: 0).render().decode(), re.MULTILINE)
    documented = re.findall(r"^\| `(\w+)` \|", _section("operations.md", "Metrics"), re.MULTILINE)
    assert sorted(documented) == sorted(name for name in exposed if not name.endswith("_created"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_exist(document: Path) -> None:
    text = document.read_text()
    linked = re.findall(r"\]\((?!http)([^)#]+)\)", text)
    assert all((document.parent / target).exists() for target in linked), linked
    named = re.findall(r"`((?:[\w-]+/)+[\w-]+\.(?:py|md|yaml|yml))`", text)
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.stem)
def test_named_decisions_exist(adr: Path) -> None:
    named = re.findall(r"ADR (\d+)", adr.read_text())
    assert {int(number) for number in named} <= {int(path.name[:4]) for path in ADRS}


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


@pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.stem)
def test_a_decision_is_short_and_whole(adr: Path) -> None:
    text = adr.read_text()
    number = int(adr.name[:4])
    assert re.match(rf"# {number}\. .+\n\n{STATUS}(?: .+)?\n\n## Context\n", text)
    assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
    ]
    assert len(text.splitlines()) < 50
