"""A provider at the level of bytes: it says what a test tells it to, when the test tells it to."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-theirs: 1\r\n"
"""Of a streamed answer, without the empty line that ends it."""

Pairs = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came in; names of headers as on the wire."""

    method: bytes
    target: bytes
    headers: Pairs
    body: bytes


Script = Callable[[Received], AsyncIterator[bytes]]


@dataclass(slots=True)
class Canned:
    """``requests`` has every request; ``hung_up`` is set when a client left in mid-answer."""

    url: str = ""
    requests: list[Received] = field(default_factory=list[Received])
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def serve(cls, script: Script) -> "AsyncGenerator[Canned]":
        """Each request gets the bytes that ``script`` yields, then the connection is closed."""
        canned = cls()
        open_: set[asyncio.Task[None]] = set()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task
            open_.add(task)
            try:
                await canned.answer(script, reader, writer)
            finally:
                open_.discard(task)
                writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        canned.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield canned
        finally:
            server.close()
            for task in open_:
                task.cancel()
            await asyncio.gather(*open_, return_exceptions=True)

    async def answer(
        self, script: Script, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            received = await _read(reader)
        except asyncio.IncompleteReadError:
            return
        self.requests.append(received)
        writing = asyncio.create_task(_write(script(received), writer))
        leaving = asyncio.create_task(reader.read())
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
            else:
                self.hung_up.set()
        except ConnectionError:
            self.hung_up.set()
        finally:
            writing.cancel()
            leaving.cancel()
            await asyncio.gather(writing, leaving, return_exceptions=True)


def answer(body: bytes, *headers: tuple[str, str], status: str = "200 OK") -> bytes:
    """A whole answer with its length."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"HTTP/1.1 {status}\r\n{head}content-length: {len(body)}\r\n\r\n".encode() + body


def always(data: bytes) -> Script:
    """The same bytes for every request."""

    async def script(_: Received) -> AsyncIterator[bytes]:
        yield data

    return script


async def _read(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head[:-4].split(b"\r\n")
    method, target, _ = first.split(b" ")
    headers: Pairs = []
    for line in lines:
        name, _, value = line.partition(b":")
        headers.append((name, value.strip()))
    lengths = [int(value) for name, value in headers if name.lower() == b"content-length"]
    body = await reader.readexactly(lengths[0]) if lengths else b""
    return Received(method, target, headers, body)


async def _write(pieces: AsyncIterator[bytes], writer: asyncio.StreamWriter) -> None:
    async for piece in pieces:
        writer.write(piece)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()


def held(*pieces: bytes | asyncio.Event, extra: bytes = b"") -> Script:
    """A stream that goes on past an event only when the test sets it; ended by the connection."""

    async def script(_: Received) -> AsyncIterator[bytes]:
        yield HEAD + extra + b"\r\n"
        for piece in pieces:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                yield piece

    return script
