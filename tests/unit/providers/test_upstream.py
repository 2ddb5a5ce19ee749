"""A connection whose answer has ended serves again, unless its transport does not end."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from palimpsest.providers.upstream import Upstream

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"
END = b"0\r\n\r\n"


class Provider:
    """Sends the end of each body when it may; counts connections."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.connections = 0
        self.left = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[None]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(HEAD)
                await self.may_end.wait()
                writer.write(END)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()


async def test_a_connection_serves_again_once_its_transport_ends() -> None:
    provider = Provider()
    async with provider.serve():
        upstream = Upstream(provider.url, 5, 5)
        for _ in range(3):
            provider.may_end.clear()
            response = await upstream.send("GET", b"/", (), b"")
            chunks = response.aiter_raw()
            assert await anext(chunks) == b"hello"
            upstream.let_go(response, chunks)
            assert not response.is_closed
            provider.may_end.set()
            await upstream.wait_until_left()
            assert response.is_closed
        await upstream.close()
    assert provider.connections == 1


async def test_a_transport_that_does_not_end_is_closed() -> None:
    provider = Provider()
    async with provider.serve():
        upstream = Upstream(provider.url, 5, 5)
        response = await upstream.send("GET", b"/", (), b"")
        chunks = response.aiter_raw()
        await anext(chunks)
        upstream.let_go(response, chunks)
        await upstream.close()
        provider.may_end.set()
        await provider.left.wait()
