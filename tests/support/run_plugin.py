"""How a run of the suite is laid out over its workers."""

import asyncio
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pytest
import structlog

from palimpsest.devstack.temporal_binary import temporal_cli
from palimpsest.runtime.errors import StartupFailed
from tests.support import claude_code
from tests.support.shared_servers import DIRECTORY, WORKER, Run, launch

GROUPS = ("shared_up", "installed")
"""Session fixtures that are dear: who uses one runs where the others do, unless it says where."""

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


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            for name in set(GROUPS).intersection(_fixtures(item)):
                item.add_marker(pytest.mark.xdist_group(name))


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
