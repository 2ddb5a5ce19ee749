"""One answer on the wire: it knows what was sent, notices a client that left, and can break."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from harness.simulator.log import Call, Ending, Log
from harness.simulator.wire import RawHeaders, Wire

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Broken(Exception):
    """The connection ended before the answer did; carries how."""

    def __init__(self, ended: Ending) -> None:
        self.ended: Ending = ended
        super().__init__(ended)


class Exchange:
    """The answer to one call. Its methods raise `Broken` when the connection is no more."""

    def __init__(self, call: Call, log: Log, wire: Wire, receive: Receive, send: Send) -> None:
        self.call, self._log, self._wire = call, log, wire
        self._receive, self._send = receive, send
        self._gone: asyncio.Task[Message] | None = None

    async def start(self, status: int, headers: RawHeaders) -> None:
        """Send the status line and the headers."""
        self._check()
        self.call.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes, *, last: bool = False) -> None:
        """Send a piece of the body; ``last`` ends the answer."""
        self._check()
        if self._log.bodies:
            self.call.answer += data
        self.call.answer_bytes += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": not last})
        if last:
            self._end("complete")

    async def pause(self, seconds: float) -> None:
        """Be silent; a client that leaves ends the pause."""
        if seconds <= 0:
            return
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._receive())
        await asyncio.wait({self._gone}, timeout=seconds)
        self._check()

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        self._wire.reset()
        raise Broken("reset")

    def cut(self) -> None:
        """Close the connection in mid-answer."""
        self._wire.close()
        raise Broken("cut")

    def _check(self) -> None:
        if self._wire.gone:
            raise Broken("client_gone")

    def _end(self, ended: Ending) -> None:
        self._log.finish(self.call, ended)

    async def close(self, ended: Ending) -> None:
        """Record the ending, if it is not known yet, and stop watching the client."""
        self._end(ended)
        if self._gone is not None and not self._gone.done():
            self._gone.cancel()
            await asyncio.wait({self._gone})


async def read_body(receive: Receive) -> bytes | None:
    """The request's whole body, or None when the client left before its end."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(chunks)
