"""How a run of the suite is laid out over its workers."""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from palimpsest.devstack.temporal_binary import temporal_cli
from palimpsest.runtime.errors import StartupFailed
from tests.support import claude_code
from tests.support.shared_servers import DIRECTORY, WORKER, Run, launch

OWN_STACK = ("test_chaos_interruption", "test_leaving", "test_memory")
"""Of the end-to-end tests, those that do without the shared stack."""

SECOND_STACK = ("test_endless", "test_marathon")
"""Those that take so long that a stack more on another worker is cheaper than to wait."""

LED_ONCE = "tests/unit/context/test_ledger_sessions.py"
"""Its tests of one limit share what they compute."""

WHOLE_FILES = (
    "tests/server/processes/",
    "tests/server/relay/",
    "tests/server/api/test_outages.py",
    "tests/server/memory/test_retrieval.py",
)
"""Server tests that share an installation, a Redis, a Postgres to stop, an index."""

_INPUT = "palimpsest_run"
_RUN = pytest.StashKey[Run]()
_KEEPER = pytest.StashKey[subprocess.Popen[bytes] | None]()


class _Node(Protocol):
    """A worker, as the controller of pytest-xdist sees it."""

    config: pytest.Config
    workerinput: dict[str, Any]


def pytest_configure(config: pytest.Config) -> None:
    _log_plainly()
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    if given is None:
        config.stash[_RUN] = run = Run()
        config.stash[DIRECTORY], config.stash[WORKER] = run.directory, "gw"
    else:
        config.stash[DIRECTORY], config.stash[WORKER] = Path(given[_INPUT]), given["workerid"]


def pytest_unconfigure(config: pytest.Config) -> None:
    if _RUN in config.stash:
        config.stash[_RUN].end()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: _Node) -> None:
    node.workerinput[_INPUT] = str(node.config.stash[DIRECTORY])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _Scheduler(config, log)


class _Scheduler(LoadScopeScheduling):
    """Gives the tests of a scope to one worker, one after the other."""

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid)


def scope(nodeid: str) -> str:
    """What a test shares with others that is dear to make again; else the test itself."""
    path, _, name = nodeid.partition("::")
    if path.startswith("tests/e2e/"):
        stem = Path(path).stem
        stack = "the second stack" if stem in SECOND_STACK else "the shared stack"
        return nodeid if stem in OWN_STACK else stack
    if path == LED_ONCE:
        return name.partition("[")[2] or name
    one_by_one = path.startswith("tests/server/") and not path.startswith(WHOLE_FILES)
    return nodeid if one_by_one else path


def pytest_collection_finish(session: pytest.Session) -> None:
    """Get what takes minutes to get on a new machine before the time of any test runs."""
    if session.config.option.collectonly:
        return
    needed = {name for item in session.items for name in _fixtures(item)}
    asyncio.run(_fetch(needed, {item.path.parent.name for item in session.items}))
    if "servers" in needed:
        session.config.stash[_KEEPER] = launch(session.config.stash[DIRECTORY])


async def _fetch(fixtures: set[str], folders: set[str]) -> None:
    """What cannot be had is told by the tests that need it."""
    if "servers" in fixtures or folders & {"e2e", "devstack"}:
        with suppress(StartupFailed):
            await temporal_cli()
    if "claude_program" in fixtures:
        with suppress(claude_code.Missing):
            await claude_code.installed()


def _log_plainly() -> None:
    """The usual traceback shows the locals of each frame, which takes seconds to lay out."""
    plain = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])
