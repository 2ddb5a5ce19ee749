"""Building the graph of an embedded index: in a copy, by a process that yields to all others.

The engine answers nothing while it builds. So the index is copied, the copy's graph built, what
changed meanwhile brought to it, and then the index goes on with the copy.
"""

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from palimpsest.memory.model import Cursor
from palimpsest.store.vectors.embedded import calls
from palimpsest.store.vectors.embedded.child import EmbeddedChild
from palimpsest.store.vectors.embedded.slots import new_generation
from palimpsest.store.vectors.model import IndexStep

_OPEN_SECONDS = 60.0
_BUILD_SECONDS = 3600.0
_CALL_SECONDS = 60.0

_log = structlog.stdlib.get_logger()


def copied(generation: Path) -> Path:
    """A copy beside it; nothing may be written to it meanwhile."""
    directory = new_generation(generation.parent)
    shutil.copytree(generation, directory, dirs_exist_ok=True)
    return directory


class EmbeddedCopy:
    """A generation that is not in use yet; it follows the memories as the index does."""

    def __init__(self, child: EmbeddedChild) -> None:
        self._child = child
        self._kept = False

    @classmethod
    @asynccontextmanager
    async def built(cls, directory: Path, dimension: int) -> "AsyncGenerator[EmbeddedCopy]":
        """With its graph; removed in the end, unless it is kept."""
        began = time.monotonic()
        copy: EmbeddedCopy | None = None
        try:
            arguments = (str(dimension), "--generation", str(directory))
            child, _ = await EmbeddedChild.start(arguments, _OPEN_SECONDS)
            copy = cls(child)
            state = await child.state(calls.Optimise(), _BUILD_SECONDS)
            took = round(time.monotonic() - began, 1)
            _log.info("index graph built", points=state.points, seconds=took)
            yield copy
        finally:
            if copy:
                await copy._child.kill()
            if copy is None or not copy._kept:
                await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)

    async def cursor(self) -> Cursor:
        return (await self._child.state(calls.Look(), _CALL_SECONDS)).cursor

    async def write(self, step: IndexStep) -> None:
        await self._child.ask(calls.writing(step), _CALL_SECONDS)

    async def finish(self) -> None:
        """It writes out what it has; another process may open it then."""
        await self._child.close()

    def keep(self) -> None:
        """It is not removed: whether the index goes on with it is not known from here on."""
        self._kept = True
