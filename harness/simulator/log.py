"""The record of every wire call: what came in, what went out, and how it ended.

With a file, each call is one JSON line when it has arrived, written before its answer starts,
and one when it ended; the two share ``number``.
"""

import asyncio
import base64
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypedDict

import blake3
import msgspec

from harness.simulator.wire import RawHeaders

Ending = Literal["open", "complete", "client_gone", "reset", "cut"]


class LogState(TypedDict):
    """The log as the control API tells it."""

    total: int
    open: int
    calls: list[dict[str, Any]]


@dataclass
class Call:
    """One request on the wire. Times are seconds since the epoch; ``body`` and ``answer`` are raw.

    ``ended`` says how the answer ended: `complete` (all bytes handed to an open connection),
    `client_gone` (the client went first), `reset` or `cut` (a fault broke it), `open` (not yet).
    ``facts`` holds what the simulator found out: model, step, usage, dropped blocks, the error.
    """

    number: int
    request_id: str
    at: float
    method: str
    path: str
    headers: RawHeaders
    body: bytes
    body_bytes: int
    status: int | None = None
    answer: bytearray = field(default_factory=bytearray)
    answer_bytes: int = 0
    ended: Ending = "open"
    ended_at: float | None = None
    fault: str | None = None
    facts: dict[str, Any] = field(default_factory=dict[str, Any])

    def header(self, name: str) -> str | None:
        """The value of the first header of that name, in any case."""
        wanted = name.lower().encode()
        for key, value in self.headers:
            if key.lower() == wanted:
                return value.decode("latin-1")
        return None

    def json(self) -> dict[str, Any]:
        """The request body, decoded."""
        return msgspec.json.decode(self.body, type=dict[str, Any])

    def told(self, *, bodies: bool = True) -> dict[str, Any]:
        """The call as JSON, with or without its two bodies."""
        return {**arrival(self, bodies=bodies), **end(self, bodies=bodies), "event": "call"}


def _bytes(name: str, data: bytes | bytearray) -> dict[str, str]:
    try:
        return {name: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}_base64": base64.b64encode(data).decode()}


def arrival(call: Call, *, bodies: bool) -> dict[str, Any]:
    """The first line of a call."""
    return {
        "event": "begin",
        "number": call.number,
        "request_id": call.request_id,
        "at": call.at,
        "method": call.method,
        "path": call.path,
        "headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in call.headers],
        "body_bytes": call.body_bytes,
        "body_blake3": blake3.blake3(call.body).hexdigest(),
        **(_bytes("body", call.body) if bodies else {}),
    }


def end(call: Call, *, bodies: bool) -> dict[str, Any]:
    """The last line of a call."""
    return {
        "event": "end",
        "number": call.number,
        "request_id": call.request_id,
        "ended": call.ended,
        "ended_at": call.ended_at,
        "status": call.status,
        "fault": call.fault,
        "answer_bytes": call.answer_bytes,
        "facts": call.facts,
        **(_bytes("answer", call.answer) if bodies else {}),
    }


class Log:
    """The calls of one simulator, oldest first; the bodies of the newest ``keep`` are held.

    Iterates and indexes like a list. ``file`` gets the JSON lines; ``bodies`` says whether bodies
    are held and written at all (lengths and hashes always are).
    """

    def __init__(
        self,
        file: Path | None = None,
        *,
        bodies: bool = True,
        keep: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._calls: deque[Call] = deque(maxlen=max(keep, 1))
        self._fd = (
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if file is not None else -1
        )
        self._clock = clock
        self.bodies = bodies
        self.total = 0
        self.open = 0
        self._changed = asyncio.Event()

    def begin(
        self, method: str, path: str, headers: RawHeaders, body: bytes, request_id: str
    ) -> Call:
        """Record a call that has arrived whole."""
        self.total += 1
        self.open += 1
        call = Call(self.total, request_id, self._clock(), method, path, headers, body, len(body))
        self._write(arrival(call, bodies=self.bodies) if self._fd >= 0 else None)
        if not self.bodies:
            call.body = b""
        self._calls.append(call)
        self._tell()
        return call

    def finish(self, call: Call, ended: Ending) -> None:
        """Record how the call ended; the first ending stands."""
        if call.ended != "open":
            return
        call.ended, call.ended_at = ended, self._clock()
        self.open -= 1
        self._tell()
        self._write(end(call, bodies=self.bodies) if self._fd >= 0 else None)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, true: "Callable[[Log], bool]") -> None:
        """Wait until a condition on the log holds, such as ``lambda log: log.open == 0``."""
        while not true(self):
            await self._changed.wait()

    def _write(self, line: dict[str, Any] | None) -> None:
        if line is not None:
            os.write(self._fd, msgspec.json.encode(line) + b"\n")

    def reset(self) -> None:
        """Forget the calls; numbers go on."""
        self._calls.clear()

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)

    def __len__(self) -> int:
        return len(self._calls)

    def __getitem__(self, index: int) -> Call:
        return self._calls[index]

    def to(self, path: str) -> list[Call]:
        """The calls whose path without its query is ``path``."""
        return [call for call in self._calls if call.path.partition("?")[0] == path]

    @property
    def messages(self) -> list[Call]:
        """The calls to ``/v1/messages``."""
        return self.to("/v1/messages")

    def state(self, *, since: int = 0, bodies: bool = False) -> LogState:
        """What the control API answers: the calls with a number greater than ``since``."""
        calls = [call.told(bodies=bodies) for call in self._calls if call.number > since]
        return {"total": self.total, "open": self.open, "calls": calls}
