"""Sending an exchange's answer to its client: the provider's bytes, and pings in its silences."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.errors import error_body, error_event, error_response
from palimpsest.dialects.anthropic.sse import SseParser
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.exchanges.exchange import Exchange, told
from palimpsest.providers.encodings import Decoder
from palimpsest.providers.headers import value_of
from palimpsest.runtime.errors import PalimpsestError, StreamBroken

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
_SSE_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
]
_LOOK_EVERY = 3.0

_log = structlog.stdlib.get_logger()


class AnswerResponse(Response):
    """The response of one exchange. Times in seconds.

    ``look`` is called from time to time while no call is under way here, so that an end that was
    recorded elsewhere, or a workflow that was terminated, does not leave the client waiting;
    ``on_left`` is called when the client went away before the end, else ``on_answered``.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        commit_after: float,
        ping_after: float,
        look: Callable[[], Coroutine[Any, Any, None]],
        on_left: Callable[[], None],
        on_answered: Callable[[], None],
    ) -> None:
        super().__init__()
        self._exchange = exchange
        self._answer = exchange.answer
        self._commit_after = commit_after
        self._ping_after = ping_after
        self._look = look
        self._on_left = on_left
        self._on_answered = on_answered
        self._guarding: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        serving = asyncio.create_task(self._serve(scope, receive, send))
        leaving = asyncio.create_task(_left(receive))
        self._guard_later()
        try:
            await asyncio.wait({serving, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                self._on_answered()
            else:
                self._on_left()
                serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        finally:
            for task in (serving, leaving, self._guarding):
                if task:
                    task.cancel()
            self._timer.cancel()
        if not serving.cancelled() and (error := serving.exception()):
            raise error

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._answer
        patience = self._commit_after if self._exchange.view.stream else None
        if not await answer.begun(patience):
            await self._serve_late(send)
        elif answer.head is None:
            error = answer.error or StreamBroken("the answer ended before it began")
            await error_response(error, self._exchange.request_id)(scope, receive, send)
        else:
            await self._serve_as_it_comes(answer.head, send)

    async def _serve_as_it_comes(self, head: AnswerHead, send: Send) -> None:
        """Status, headers and body are the provider's."""
        headers = [*head.headers, *told(self._exchange)]
        await send({"type": "http.response.start", "status": head.status, "headers": headers})
        pings = _is_plain_stream(head)
        async for chunk in self._answer.read(self._ping_after if pings else None):
            await _send_body(send, PING if chunk is None else chunk)
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
        while not await self._answer.begun(self._ping_after):
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
        body = decoder.feed(self._answer.content())
        if decoder.failed:
            body = error_body(_unreadable(head), self._exchange.request_id)
        return error_event(body)

    async def _plain(self, head: AnswerHead) -> AsyncIterator[bytes | None]:
        """The stream decoded, in whole events, so that a ping never lands inside one; None for
        each silence."""
        decoder = Decoder(value_of(head.headers, b"content-encoding"))
        parser, held, sent = SseParser(), bytearray(), 0
        async for chunk in self._answer.read(self._ping_after):
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

    def _guard_later(self) -> None:
        """Most answers are over before the first look; a timer is cheaper than a task."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(_LOOK_EVERY, self._guard)

    def _guard(self) -> None:
        call = self._exchange.call
        if self._answer.ended:
            return
        if call is None or call.done():
            self._guarding = asyncio.create_task(self._look())
            self._guarding.add_done_callback(lambda _: self._guard_later())
        else:
            self._guard_later()


def _unreadable(head: AnswerHead) -> PalimpsestError:
    encoding = value_of(head.headers, b"content-encoding")
    return StreamBroken(f"the provider's answer came late and cannot be read ({encoding})")


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
