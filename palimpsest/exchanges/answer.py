"""The bytes of one answer, for any number of readers, each from the start; and which may go out.

A stream is released in whole events, so that a ping or an error never lands inside one, and from
its first content on, so that a failure before it can be tried again unseen. The end waits for the
commit: `message_stop`, or the last chunk of anything that is not a readable stream.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.byte_log import ByteLog
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import PalimpsestError


class Release:
    """Feed it every chunk; it returns what may be written. ``rest`` is for after the commit."""

    def __init__(self, reader: AnswerReader, *, readable: bool) -> None:
        self._reader = reader
        self._readable = readable
        self._held = bytearray()
        self.released = 0

    def feed(self, chunk: bytes) -> bytes:
        """``chunk`` as it came; the reader has been fed the same bytes before."""
        if not self._readable:
            ready, self._held = bytes(self._held), bytearray(chunk)
            return self._count(ready)
        self._held += chunk
        if not self._reader.content_started:
            return b""
        ready = bytes(self._held[: max(0, self._reader.releasable - self.released)])
        del self._held[: len(ready)]
        return self._count(ready)

    def rest(self) -> bytes:
        """What was held back."""
        return self._count(bytes(self._held))

    @property
    def held(self) -> int:
        """How many bytes wait."""
        return len(self._held)

    def _count(self, ready: bytes) -> bytes:
        self.released += len(ready)
        return ready


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """Status and end-to-end headers, as the client is given them."""

    status: int
    headers: RawHeaders


class Answer:
    """Written by the upstream call, read by HTTP handlers of the same process.

    ``output_tokens`` is an estimate while the call runs; ``directory``: where a large answer's
    bytes are.
    """

    def __init__(self) -> None:
        self.head: AnswerHead | None = None
        self.error: PalimpsestError | None = None
        self.ended = False
        self.output_tokens = 0
        self.directory: Path | None = None
        self._bytes = ByteLog()
        self._waiting: set[asyncio.Event] = set()

    def keep_in(self, directory: Path | None) -> None:
        """Where the bytes of a large answer go; called before the first of them."""
        self.directory = directory
        self._bytes = ByteLog(directory)

    @property
    def size(self) -> int:
        """Bytes so far."""
        return len(self._bytes)

    @property
    def held(self) -> int:
        """Bytes of them in memory."""
        return self._bytes.held

    def begin(self, head: AnswerHead) -> None:
        """Status and headers are known."""
        self.head = head
        self._wake()

    def write(self, chunk: bytes) -> None:
        """More bytes of the body."""
        self._bytes.append(chunk)
        self._wake()

    def end(self) -> None:
        """The answer is whole."""
        self.ended = True
        self._wake()

    def fail(self, error: PalimpsestError) -> None:
        """There is no answer, or no more of it; an answer that has ended stays as it is."""
        if not self.ended:
            self.error = error
            self.ended = True
            self._wake()

    def received(self) -> bytes:
        """All bytes so far."""
        return self._bytes.join()

    async def wait_for_head(self, timeout: float | None) -> bool:
        """Wait for the head or for the end without one; False after ``timeout`` seconds."""
        return await self._wait(lambda: self.head is not None or self.ended, timeout)

    async def wait_for_end(self, timeout: float | None = None) -> bool:
        """Wait for the end, whichever it is; False after ``timeout`` seconds without one."""
        return await self._wait(lambda: self.ended, timeout)

    async def read(self, silence: float | None) -> AsyncIterator[bytes | None]:
        """All bytes from the start, in pieces of at most `PIECE_BYTES`; None whenever nothing came
        for ``silence`` seconds."""
        offset = 0
        while True:
            while piece := self._bytes.read(offset):
                offset += len(piece)
                yield piece
            if self.ended:
                return
            if not await self._wait(partial(self._is_past, offset), silence):
                yield None

    def read_from(self, offset: int, size: int) -> bytes:
        """At most ``size`` of the bytes from ``offset`` on that are there."""
        return self._bytes.read(offset, size)

    async def wait_for_bytes(self, offset: int) -> None:
        """Wait for a byte at ``offset``, or for the end."""
        await self._wait(partial(self._is_past, offset), None)

    def _is_past(self, offset: int) -> bool:
        return len(self._bytes) > offset or self.ended

    async def _wait(self, condition: Callable[[], bool], timeout: float | None) -> bool:
        if condition():
            return True
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(event)
        return True

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()
