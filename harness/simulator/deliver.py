"""Puts an answer on the wire, with the fault that strikes it."""

import zlib

from harness.simulator.events import event
from harness.simulator.exchange import Exchange
from harness.simulator.faults import Fault
from harness.simulator.pace import Pace
from harness.simulator.problem import Problem
from harness.simulator.wire import RawHeaders

JSON = (b"content-type", b"application/json")
SSE = (b"content-type", b"text/event-stream; charset=utf-8")


async def document(
    exchange: Exchange, status: int, headers: RawHeaders, body: bytes, fault: Fault | None = None
) -> None:
    """A JSON answer with its length."""
    if fault is not None and fault.kind == "gzip":
        body = _Gzip().all(body)
        headers = [*headers, (b"content-encoding", b"gzip")]
    claimed = len(body) + (64 if fault is not None and fault.kind == "wrong_length" else 0)
    await exchange.start(status, [*headers, JSON, (b"content-length", b"%d" % claimed)])
    if fault is not None and fault.kind in ("wrong_length", "cut_body"):
        await exchange.write(body if fault.kind == "wrong_length" else body[: len(body) // 2])
        exchange.cut()
    await exchange.write(body, last=True)


async def problem(exchange: Exchange, headers: RawHeaders, found: Problem) -> None:
    """An error in the API's shape."""
    exchange.call.facts["error"] = found.message
    should_retry = b"true" if found.status in (408, 409, 429) or found.status >= 500 else b"false"
    headers = [*headers, (b"x-should-retry", should_retry)]
    await document(exchange, found.status, headers, found.body(exchange.call.request_id))


async def ordered_status(exchange: Exchange, headers: RawHeaders, fault: Fault) -> None:
    """The status that a fault orders, with its own body where it has one."""
    if fault.retry_after is not None:
        headers = [*headers, (b"retry-after", f"{fault.retry_after:g}".encode())]
    if fault.body is not None:
        await document(exchange, fault.status, headers, fault.body.encode())
    else:
        await problem(exchange, headers, Problem(fault.status, fault.message))


async def early(exchange: Exchange, fault: Fault | None, pace: Pace) -> None:
    """What happens before the first byte: the pace's delay, a stall, a reset or a cut."""
    await exchange.pause(pace.before_first_byte)
    if fault is None or fault.after >= 0 or fault.first_content:
        return
    if fault.kind == "stall":
        await exchange.pause(fault.seconds)
    elif fault.kind == "reset":
        exchange.reset()
    elif fault.kind == "cut":
        exchange.cut()


async def events(
    exchange: Exchange,
    headers: RawHeaders,
    pieces: list[bytes],
    first_content: int,
    pace: Pace,
    fault: Fault | None,
) -> None:
    """A stream of events."""
    headers = [*headers, SSE, (b"cache-control", b"no-cache")]
    pack = None
    if fault is not None and fault.kind == "gzip":
        headers, pack, fault = [*headers, (b"content-encoding", b"gzip")], _Gzip(), None
    await exchange.start(200, headers)
    at = _strike(fault, first_content)
    for index, piece in enumerate(pieces):
        if index > 0:
            await exchange.pause(pace.between_events)
        if fault is not None and index == at and await _struck(exchange, fault, piece):
            return
        last = index == len(pieces) - 1
        await exchange.write(pack.piece(piece, last=last) if pack else piece, last=last)


def _strike(fault: Fault | None, first_content: int) -> int:
    if fault is None:
        return -1
    after = max(fault.after, 0)
    return first_content + after if fault.first_content else after


async def _struck(exchange: Exchange, fault: Fault, piece: bytes) -> bool:
    """Let the fault strike before ``piece``; True when the answer is over."""
    if fault.kind == "stall":
        if fault.after >= 0 or fault.first_content:
            await exchange.pause(fault.seconds)
        return False
    if fault.kind == "error_event":
        error = {"type": fault.error, "message": fault.message or fault.error.capitalize()}
        ending = event("error", error=error, request_id=exchange.call.request_id)
        await exchange.write(ending, last=True)
        return True
    if fault.mid:
        await exchange.write(piece[: len(piece) // 2])
    if fault.kind == "reset":
        exchange.reset()
    if fault.kind in ("cut", "cut_body"):
        exchange.cut()
    return False


class _Gzip:
    """A gzip stream that is flushed after each piece."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(wbits=31)

    def piece(self, data: bytes, *, last: bool) -> bytes:
        packed = self._deflate.compress(data)
        return packed + self._deflate.flush(zlib.Z_FINISH if last else zlib.Z_SYNC_FLUSH)

    def all(self, data: bytes) -> bytes:
        return self.piece(data, last=True)
