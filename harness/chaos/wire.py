"""The wire calls in the provider's own log."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(slots=True)
class WireCall:
    """``ended`` as in the simulator's log: `complete` means all bytes went to an open connection.
    Times are seconds since the epoch, ``ended_at`` None while it is open."""

    number: int
    hash: str
    at: float
    ended: str = "open"
    ended_at: float | None = None
    status: int | None = None
    answer: bytes = b""


class _Line(msgspec.Struct):
    event: str
    number: int
    path: str = ""
    at: float = 0.0
    body_blake3: str = ""
    ended: str = "open"
    ended_at: float | None = None
    status: int | None = None
    answer: str = ""


def read_calls(log: Path) -> list[WireCall]:
    """The calls to ``/v1/messages``, oldest first."""
    calls: dict[int, WireCall] = {}
    for line in _lines(log):
        if line.event == "begin" and line.path.partition("?")[0] == "/v1/messages":
            calls[line.number] = WireCall(line.number, line.body_blake3, line.at)
        elif line.event == "end" and (call := calls.get(line.number)):
            call.ended, call.ended_at, call.status = line.ended, line.ended_at, line.status
            call.answer = line.answer.encode()
    return list(calls.values())


def _lines(log: Path) -> Iterator[_Line]:
    decoder = msgspec.json.Decoder(_Line)
    with log.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
