"""One child that holds an embedded index, as its parent speaks to it."""

import asyncio
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Self

import msgspec
import structlog

from palimpsest.runtime.errors import IndexUnavailable
from palimpsest.runtime.settings import child_environment
from palimpsest.store.vectors.embedded import calls

MODULE = "palimpsest.store.vectors.embedded.process"
_END_SECONDS = 10.0

_log = structlog.stdlib.get_logger()


class Silent(IndexUnavailable):
    """It may be alive."""


class Refused(IndexUnavailable):
    """It is well, and will not do this."""


class EmbeddedChild:
    """Calls are carried out one after the other; one that nobody waits for any more is too."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: deque[asyncio.Future[calls.Reply]] = deque()
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, arguments: Sequence[str], patience: float) -> tuple[Self, calls.State]:
        """Returns when its index is open; raises IndexUnavailable."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", MODULE, *arguments),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=child_environment({}),
                start_new_session=True,
            )
        except OSError as error:
            raise IndexUnavailable(f"the index cannot be started: {error}") from error
        child = cls(process)
        opened = child._expected()
        child._reader = asyncio.create_task(child._read())
        try:
            return child, _state(await child._answered(opened, patience))
        except BaseException:
            await child.kill()
            raise

    @property
    def alive(self) -> bool:
        return self._reader is not None and not self._reader.done()

    async def ask(self, call: calls.Call, patience: float) -> calls.Answer:
        """Raises IndexUnavailable when it died, failed, or did not answer within ``patience``
        seconds."""
        if not self.alive or self._process.stdin is None:
            raise IndexUnavailable("the index has ended")
        answer = self._expected()
        try:
            self._process.stdin.write(calls.framed(msgspec.msgpack.encode(call)))
            await self._process.stdin.drain()
        except OSError as error:
            raise IndexUnavailable(f"the index has ended: {error}") from error
        return await self._answered(answer, patience)

    async def state(self, call: calls.Call, patience: float) -> calls.State:
        return _state(await self.ask(call, patience))

    async def close(self) -> None:
        """It writes out what it has, and ends."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _END_SECONDS)
        except TimeoutError:
            _log.warning("the index does not end; it is killed")
        await self.kill()

    async def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._reader:
            await self._reader

    def _expected(self) -> "asyncio.Future[calls.Reply]":
        future: asyncio.Future[calls.Reply] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    async def _answered(
        self, future: "asyncio.Future[calls.Reply]", patience: float
    ) -> calls.Answer:
        try:
            async with asyncio.timeout(patience):
                reply = await future
        except TimeoutError as error:
            raise Silent("the index did not answer in time") from error
        if isinstance(reply, calls.Failed):
            kind = Refused if reply.refused else IndexUnavailable
            raise kind(f"the index failed: {reply.reason}")
        return reply

    async def _read(self) -> None:
        decoder = msgspec.msgpack.Decoder(calls.Reply)
        assert self._process.stdout is not None
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await self._process.stdout.readexactly(calls.LENGTH.size)
                body = await self._process.stdout.readexactly(*calls.LENGTH.unpack(head))
                future = self._waiting.popleft()
                if not future.done():
                    future.set_result(decoder.decode(body))
        for future in self._waiting:
            if not future.done():
                future.set_result(calls.Failed("its process has ended"))


def _state(answer: calls.Answer) -> calls.State:
    assert answer.state is not None
    return answer.state
