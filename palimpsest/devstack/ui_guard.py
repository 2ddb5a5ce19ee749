"""The door of Temporal's web UI, which itself asks neither for `Host` nor for `Origin`.

The UI's server has all of the engine's API behind it: a page that points a name of its own at us
would list and end workflows. So it listens on an address that no page can guess, one of the 16
million of loopback on Linux (elsewhere there is one, and only the port is to be guessed), and this
process passes on what may ask. One request a connection: each is looked at.
"""

import asyncio
import random
import sys
from contextlib import suppress

import h11

from palimpsest.devstack import ports
from palimpsest.devstack.ports import LOOPBACK
from palimpsest.gateway.visitors import Visitors
from palimpsest.runtime.errors import Forbidden

_MOST_HEAD = 64 * 1024
_PIECE = 64 * 1024
_REFUSED = (
    b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\n"
    b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
)


class UiGuard:
    """Listens on ``port`` of loopback; the UI is to listen on ``host`` and ``inner_port``."""

    def __init__(self, port: int) -> None:
        self.host = _hidden_host()
        self.inner_port = ports.choose({"taken": port, "ui": None})["ui"]
        self._port = port
        self._visitors = Visitors("", LOOPBACK)
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Begin to listen, unless it does. Raises OSError where the port cannot be had."""
        if self._server is None:
            self._server = await asyncio.start_server(
                self._serve, LOOPBACK, self._port, limit=_MOST_HEAD
            )

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            try:
                head = admit(await reader.readuntil(b"\r\n\r\n"), self._visitors)
            except Forbidden as error:
                words = str(error).encode()
                writer.write(_REFUSED % (len(words), words))
                await writer.drain()
            else:
                await self._pass_on(head, reader, writer)
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()

    async def _pass_on(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        answer, request = await asyncio.open_connection(self.host, self.inner_port)
        request.write(head)
        both = [
            asyncio.create_task(_copy(reader, request)),
            asyncio.create_task(_copy(answer, writer)),
        ]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copying in both:
                copying.cancel()
            await asyncio.wait(both)
            request.close()


def admit(head: bytes, visitors: Visitors) -> bytes:
    """A request's head as it is passed on: the only one of its connection. Raises Forbidden."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(head)
    try:
        asked = parser.next_event()
    except h11.RemoteProtocolError as error:
        raise Forbidden(f"this is no HTTP: {error}") from error
    if not isinstance(asked, h11.Request) or not any(name == b"host" for name, _ in asked.headers):
        raise Forbidden("a request needs a Host")
    visitors.check(asked.headers)
    kept = [pair for pair in asked.headers if pair[0] not in (b"connection", b"upgrade")]
    lines = [b"%b: %b\r\n" % pair for pair in (*kept, (b"connection", b"close"))]
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (asked.method, asked.target, b"".join(lines))


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(_PIECE):
            sink.write(piece)
            await sink.drain()


def _hidden_host() -> str:
    if sys.platform != "linux":
        return LOOPBACK
    drawn = random.SystemRandom()
    return f"127.{drawn.randrange(1, 255)}.{drawn.randrange(256)}.{drawn.randrange(1, 255)}"
