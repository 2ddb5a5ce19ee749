"""A TCP relay in front of the proxy that keeps what its clients sent and got.

An *exchange* is one HTTP request of a client with its answer, as seen on the client's side.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

import httptools

from tests.support.listener import listening

_CHUNK = 64 * 1024


@dataclass
class Message:
    """One request or answer; ``whole`` is set when its end was seen."""

    target: bytes = b""
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False

    def header(self, name: str) -> str | None:
        """The first value of a header, by its lower-case name."""
        wanted = name.encode()
        found = (value for key, value in self.headers if key.lower() == wanted)
        return next((value.decode("latin-1") for value in found), None)


class _Reader:
    """What `httptools` calls while it parses one direction of a connection."""

    def __init__(self, *, newest_only: bool) -> None:
        self._newest_only = newest_only
        self.messages: list[Message] = []

    def on_message_begin(self) -> None:
        if self._newest_only and self.messages:
            self.messages[-1].body.clear()
        self.messages.append(Message())

    def on_url(self, url: bytes) -> None:
        self.messages[-1].target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.messages[-1].headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.messages[-1].body += body

    def on_message_complete(self) -> None:
        self.messages[-1].whole = True


class Tap:
    """The relay at ``url``."""

    def __init__(self, port: int, *, newest_only: bool = False) -> None:
        self._port, self._newest_only = port, newest_only
        self._connections: list[tuple[_Reader, _Reader]] = []
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def before(cls, port: int, *, newest_only: bool = False) -> AsyncGenerator[Self]:
        """A relay to ``port`` of this machine, until the block ends; with ``newest_only`` it keeps
        only the newest bodies of each connection."""
        tap = cls(port, newest_only=newest_only)
        async with listening(tap._relay) as address:
            tap.url = f"http://{address}"
            yield tap

    @property
    def exchanges(self) -> list[tuple[Message, Message]]:
        """Every request that was answered, with its answer; in order within a connection."""
        return [
            pair
            for asked, answered in self._connections
            for pair in zip(asked.messages, answered.messages, strict=False)
        ]

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked, answered = (_Reader(newest_only=self._newest_only) for _ in range(2))
        self._connections.append((asked, answered))
        requests, answers = (
            httptools.HttpRequestParser(asked),
            httptools.HttpResponseParser(answered),
        )
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._port)
        await asyncio.gather(
            _copy(reader, inner_writer, requests.feed_data),
            _copy(inner_reader, writer, answers.feed_data),
        )


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, see: Callable[[bytes], None]
) -> None:
    """Pass one direction on until its end, which closes the other side."""
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            see(data)
            writer.write(data)
            await writer.drain()
    writer.close()
