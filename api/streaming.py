"""Streams an exchange's answer to its client: the provider's bytes, and pings in its silences."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.errors import error_body, error_event, error_response
from palimpsest.dialects.anthropic.sse import SseParser
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.exchanges.disconnects import Connection, Disconnects
from palimpsest.exchanges.end_poller import EndPoller
from palimpsest.exchanges.exchange import Exchange
from palimpsest.providers.accepted import is_accepted
from palimpsest.providers.encodings import Decoder, decoded_headers
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.runtime.errors import PalimpsestError, StreamBroken

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_SSE_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
_POLL_SECONDS = 3.0

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: a stream waits ``commit_after`` for the provider's status before it answers 200, and
    gets a ping after each silence of ``ping_after``."""

    commit_after: float
    ping_after: float


@dataclass(frozen=True, slots=True)
class Reader:
    """The client of one answer: its connection, and who is told how its reading ended.

    ``joined``: the headers that it came with, where another one's request brought the answer; it
    may not be able to read what the provider encoded for that one.
    """

    exchange: Exchange
    connection: Connection
    disconnects: Disconnects
    joined: RawHeaders | None = None

    def decoder(self, head: AnswerHead) -> Decoder:
        """What makes the answer readable for it; as it came for whom it was encoded for, and where
        nobody knows the encoding."""
        encoding = value_of(head.headers, b"content-encoding") or ""
        if self.joined is None or is_accepted(self.joined, encoding):
            return Decoder(None)
        decoder = Decoder(encoding)
        return Decoder(None) if decoder.failed else decoder

    def note_answered(self) -> None:
        """It was handed all there is."""
        self.disconnects.client_answered(self.exchange, self.connection)

    def note_left(self) -> None:
        """It went away before the end."""
        self.disconnects.client_left(self.exchange)


class AnswerResponse(Response):
    """The response of one exchange to one reader. While no call is under way here, the poller is
    asked from time to time, so that an end that was recorded elsewhere, or a workflow that was
    terminated, does not leave the client waiting."""

    def __init__(self, reader: Reader, poller: EndPoller, pace: Pace) -> None:
        super().__init__()
        self._reader = reader
        self._exchange = reader.exchange
        self._answer = reader.exchange.answer
        self._poller = poller
        self._pace = pace
        self._polling: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serving = asyncio.create_task(self._serve(scope, receive, send))
        leaving = asyncio.create_task(_left(receive))
        self._poll_later()
        try:
            await self._wait(serving, leaving)
            await asyncio.gather(serving, return_exceptions=True)
        finally:
            for task in (serving, leaving, self._polling):
                if task:
                    task.cancel()
            self._timer.cancel()
        if not serving.cancelled() and (error := serving.exception()):
            raise error

    async def _wait(self, serving: asyncio.Task[None], leaving: asyncio.Task[None]) -> None:
        """Until all is sent or the client has gone; one whose task is cut is gone too."""
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if serving.done():
                self._reader.note_answered()
            else:
                self._reader.note_left()
                serving.cancel()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer
        wait = self._pace.commit_after if self._exchange.view.stream else None
        if not await answer.wait_for_head(wait):
            await self._serve_late(send)
        elif answer.head is None:
            error = answer.error or StreamBroken("the answer ended before it began")
            await error_response(error, self._exchange.request_id)(scope, receive, send)
        else:
            await self._serve_as_it_comes(answer.head, send)

    async def _serve_as_it_comes(self, head: AnswerHead, send: Send) -> None:
        """Status and body are the provider's, the headers too but for ours."""
        decoder = self._reader.decoder(head)
        headers = decoded_headers(head.headers) if decoder.needed else head.headers
        await send({"type": "http.response.start", "status": head.status, "headers": list(headers)})
        pings = _is_plain_stream(head)
        async for chunk in self._answer.read(self._pace.ping_after if pings else None):
            for piece in decoder.pieces(PING if chunk is None else chunk):
                if piece:
                    await _send_body(send, piece)
        if decoder.failed:
            raise _unreadable(head)
        if self._answer.error is None:
            await _send_body(send, b"", last=True)
        elif pings:
            await _send_body(send, self._error_event(self._answer.error), last=True)
        else:
            # The body is shorter than it should be; only a cut connection says so.
            raise self._answer.error

    async def _serve_late(self, send: Send) -> None:
        """The status had to be given before the provider gave one."""
        await send({"type": "http.response.start", "status": 200, "headers": _SSE_HEADERS})
        await _send_body(send, PING)
        while not await self._answer.wait_for_head(self._pace.ping_after):
            await _send_body(send, PING)
        head = self._answer.head
        if head is not None and head.status < 400:
            async for events in self._plain(head):
                await _send_body(send, PING if events is None else events)
        elif head is not None:
            await _send_body(send, await self._refusal(head))
        if self._answer.error is not None:
            await _send_body(send, self._error_event(self._answer.error))
        await _send_body(send, b"", last=True)

    async def _refusal(self, head: AnswerHead) -> bytes:
        """The provider's error body as an event."""
        async for _ in self._answer.read(None):
            pass
        decoder = Decoder(value_of(head.headers, b"content-encoding"))
        body = decoder.feed(self._answer.received())
        if decoder.failed:
            body = error_body(_unreadable(head), self._exchange.request_id)
        return error_event(body)

    async def _plain(self, head: AnswerHead) -> AsyncIterator[bytes | None]:
        """The stream decoded, in whole events, so that a ping never lands inside one; None for
        each silence."""
        decoder = Decoder(value_of(head.headers, b"content-encoding"))
        parser, held, sent = SseParser(), bytearray(), 0
        async for chunk in self._answer.read(self._pace.ping_after):
            if chunk is None:
                yield None
                continue
            plain = decoder.feed(chunk)
            parser.feed(plain)
            held += plain
            ready = bytes(held[: parser.pending_start - sent])
            del held[: len(ready)]
            sent += len(ready)
            yield ready
        if decoder.failed:
            yield self._error_event(_unreadable(head))
        elif self._answer.error is None:
            yield bytes(held)

    def _error_event(self, error: PalimpsestError) -> bytes:
        return error_event(error_body(error, self._exchange.request_id))

    def _poll_later(self) -> None:
        """Most answers are over before the first poll; a timer is cheaper than a task."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        if self._answer.ended:
            return
        if self._exchange.is_calling:
            self._poll_later()
        else:
            self._polling = asyncio.create_task(self._poller.poll(self._exchange))
            self._polling.add_done_callback(lambda _: self._poll_later())


def _unreadable(head: AnswerHead) -> PalimpsestError:
    encoding = value_of(head.headers, b"content-encoding")
    return StreamBroken(f"the provider's answer cannot be read ({encoding})")


def _is_plain_stream(head: AnswerHead) -> bool:
    """Whether a ping can be put in: an event stream that is not compressed."""
    kind = value_of(head.headers, b"content-type") or ""
    encoding = value_of(head.headers, b"content-encoding")
    return kind.startswith("text/event-stream") and encoding in (None, "identity")


async def _send_body(send: Send, body: bytes, *, last: bool = False) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": not last})


async def _left(receive: Receive) -> None:
    """Returns when the client has gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
