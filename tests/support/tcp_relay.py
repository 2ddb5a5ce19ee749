"""A TCP relay, so that a test can take a server away from one client and give it back."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from tests.support.listener import pass_on


class Relay:
    """Listens at ``address`` for the server at ``target``; both are ``host:port``."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._port = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @classmethod
    @asynccontextmanager
    async def to(cls, target: str) -> "AsyncGenerator[Relay]":
        relay = cls(target)
        await relay.restore()
        try:
            yield relay
        finally:
            relay.cut()

    async def restore(self) -> None:
        """Listen, at the same port as before."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Refuse new connections and break the open ones."""
        if self._server:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, _, port = self._target.rpartition(":")
        there_reader, there = await asyncio.open_connection(host, int(port))
        self._open |= {writer, there}
        try:
            await asyncio.gather(pass_on(reader, there), pass_on(there_reader, writer))
        finally:
            self._open -= {writer, there}
            writer.close()
            there.close()
