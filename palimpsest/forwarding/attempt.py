"""One call to the provider for one request: dial, pass the bytes on, settle what came of it.

The call belongs to the process, not to the activity that began it, so an engine that loses the
activity does not cut a healthy stream.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from functools import partial

import structlog

from palimpsest.conversations.callers import Callers
from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.exchanges.byte_log import ByteLog
from palimpsest.exchanges.exchange import Exchange, Stage
from palimpsest.exchanges.model import EndCause, Outcome
from palimpsest.forwarding.commit import EndCommit, LargeEnds
from palimpsest.forwarding.inlet import Inlet
from palimpsest.forwarding.model import AttemptEnd, Lease, Settlement
from palimpsest.forwarding.retry import (
    RetryDue,
    RetryLimits,
    delay_before_next,
    is_retryable,
    wait_asked_for,
)
from palimpsest.forwarding.settlement import (
    Times,
    client_headers,
    estimated_tokens,
    result,
    settlement,
    usage_json,
)
from palimpsest.providers.encodings import ask_for_identity
from palimpsest.providers.upstream import Upstream, body, response_headers
from palimpsest.runtime.errors import (
    Fenced,
    PalimpsestError,
    StreamBroken,
    Unavailable,
    UpstreamUnreachable,
    unforeseen,
)
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.journal import Journal, JournalWriter
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill
from workflows.contracts import ForwardUpstreamInput, ForwardUpstreamResult

_RETRYABLE_EVENTS = frozenset(("overloaded_error",))

_MAY_PASS = (UpstreamUnreachable, StreamBroken, Unavailable)

_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Wire:
    """What every attempt needs; times in seconds."""

    upstream: Upstream
    callers: Callers
    store: RequestStore
    journal: Journal
    spill: Spill
    metrics: Metrics
    limits: RetryLimits
    idle_timeout: float
    large_ends: LargeEnds = field(default_factory=LargeEnds)


class Attempt:
    """One attempt at a request, under a lease; its row is already written."""

    def __init__(
        self, wire: Wire, exchange: Exchange, forward: ForwardUpstreamInput, lease: Lease
    ) -> None:
        self._wire = wire
        self._exchange = exchange
        self._forward = forward
        self._lease = lease
        self._commit = EndCommit(wire.store, wire.spill)
        self._head: AnswerHead | None = None
        self._reader = AnswerReader()
        self._content = ByteLog(exchange.answer.directory)
        self._journal = JournalWriter(wire.journal, exchange.request_id, lease.fence, self._content)
        self._released = 0
        self._times = Times()

    async def run(self) -> ForwardUpstreamResult:
        """Returns how the request ended; raises RetryDue, or why it ended without an answer."""
        try:
            return await self._until_ended()
        except RetryDue as due:
            await self._wire.store.close_attempt(
                self._exchange.request_id,
                self._end(Outcome.UPSTREAM_ERROR if self._head else Outcome.UNREACHABLE, str(due)),
            )
            raise
        except Fenced as error:
            self._lost(error)
            raise
        finally:
            await self._journal.close()

    async def _until_ended(self) -> ForwardUpstreamResult:
        try:
            return await self._call()
        except asyncio.CancelledError:
            lifecycle = self._exchange.lifecycle
            if lifecycle.handed_over:
                end = self._end(Outcome.BROKEN, EndCause.PROCESS_STOPPED)
                await self._wire.store.release_lease(self._exchange.request_id, end)
            if lifecycle.handed_over or not lifecycle.stopped:
                # Nobody asked for an end: the next process calls again.
                raise
            return await self._stopped()
        except (Fenced, RetryDue):
            raise
        except PalimpsestError as error:
            return await self._broke(error)
        except Exception as error:
            _log.exception("a bug")
            return await self._broke(unforeseen(error))

    async def _call(self) -> ForwardUpstreamResult:
        self._times.dialled = time.perf_counter()
        self._wire.metrics.wire_calls.inc()
        exchange = self._exchange
        exchange.lifecycle.advance(Stage.DIALLED)
        headers, content = exchange.outgoing()
        response = await self._wire.upstream.send(
            "POST",
            exchange.target,
            ask_for_identity(headers) if exchange.view.stream else headers,
            content,
        )
        arriving = response.aiter_raw()
        async with AsyncExitStack() as unless_ended:
            unless_ended.push_async_callback(response.aclose)
            head = AnswerHead(response.status_code, response_headers(response))
            inlet = Inlet(head, self._reader, asked=exchange.view.stream)
            self._head = inlet.head
            if is_retryable(response.status_code, response.headers):
                wait = wait_asked_for(response.headers)
                self._retry_or_go_on(f"the provider answered {response.status_code}", wait)
            held = await self._pass_on(arriving, inlet)
            unless_ended.pop_all()
        self._wire.upstream.let_go(response, arriving)
        return await self._complete(held)

    def _retry_or_go_on(self, reason: str, retry_after: float | None = None) -> None:
        delay = delay_before_next(
            self._wire.limits, self._lease.number, self._exchange.elapsed(), retry_after
        )
        if delay is not None and not self._exchange.lifecycle.client_left:
            self._exchange.lifecycle.return_to_dial()
            raise RetryDue(reason, delay)

    async def _pass_on(self, arriving: AsyncIterator[bytes], inlet: Inlet) -> bytes:
        """Write the body to the answer as it comes, until it ends or says its end; returns what
        waits for the commit."""
        async with aclosing(body(arriving, self._wire.idle_timeout)) as chunks:
            async for chunk in chunks:
                self._times.first_chunk = self._times.first_chunk or time.perf_counter()
                for piece in inlet.feed(chunk):
                    self._take(piece, inlet)
                    if inlet.decodes:
                        # A chunk may become very many.
                        await asyncio.sleep(0)
                if self._reader.is_over:
                    break
        self._times.ended = time.perf_counter()
        return inlet.close()

    def _take(self, piece: bytes, inlet: Inlet) -> None:
        self._content.append(piece)
        self._journal.note()
        if self._journal.fenced.is_set():
            raise Fenced("another process carries this request now")
        self._exchange.answer.output_tokens = estimated_tokens(self._reader.output_chars)
        self._check_error_event()
        self._write(inlet.release(piece))

    def _check_error_event(self) -> None:
        """An overload reported in the stream, before any content, is tried again unseen."""
        if self._reader.error in _RETRYABLE_EVENTS and not self._released:
            self._retry_or_go_on(f"the provider's stream reported {self._reader.error}")

    def _write(self, ready: bytes) -> None:
        if not ready:
            return
        answer = self._exchange.answer
        self._times.first_release = self._times.first_release or time.perf_counter()
        self._begin_answer()
        self._exchange.lifecycle.advance(Stage.RELEASED)
        self._released += len(ready)
        answer.write(ready)

    def _begin_answer(self) -> None:
        """The provider's status and headers, and ours that tell what became of the request."""
        answer, head = self._exchange.answer, self._head
        if answer.head is None and head:
            ours = client_headers(self._forward.known, self._forward.plan)
            answer.begin(AnswerHead(head.status, (*head.headers, *ours)))

    async def _complete(self, held: bytes) -> ForwardUpstreamResult:
        """The provider's answer is whole; its end is released when it is committed."""
        self._exchange.lifecycle.advance(Stage.SETTLING)
        status = self._head.status if self._head else 0
        outcome, reason = self._outcome(status)
        self._times.first_release = self._times.first_release or self._times.ended
        end = await self._settle(outcome, reason, lambda: self._finish(held))
        self._finish(held)
        return result(end, status)

    def _outcome(self, status: int) -> tuple[Outcome, str | None]:
        if self._reader.error is not None:
            reason = f"the provider's stream reported {self._reader.error}"
            begun = self._released and status < 400
            return (Outcome.BROKEN if begun else Outcome.UPSTREAM_ERROR), reason
        return (Outcome.ANSWERED if status < 400 else Outcome.UPSTREAM_ERROR), None

    def _finish(self, held: bytes) -> None:
        answer = self._exchange.answer
        if answer.ended:
            return
        self._write(held)
        self._begin_answer()
        self._exchange.end()

    async def _stopped(self) -> ForwardUpstreamResult:
        """Cancelled: by the client's absence, or by an operator."""
        self._exchange.lifecycle.advance(Stage.SETTLING)
        self._times.ended = time.perf_counter()
        abandoned = self._exchange.lifecycle.client_left
        reason = EndCause.CLIENT_LEFT if abandoned else EndCause.OPERATOR_CANCELLED
        outcome = Outcome.ABANDONED if abandoned else Outcome.CANCELLED
        end = await self._settle(outcome, reason, lambda: None)
        self._exchange.fail(Unavailable(reason))
        if abandoned:
            return result(end, end.attempt.status or 0)
        raise asyncio.CancelledError

    async def _broke(self, error: PalimpsestError) -> ForwardUpstreamResult:
        """No answer, or half of one. Half is never sent again; the client is told."""
        if not self._released and isinstance(error, _MAY_PASS):
            self._retry_or_go_on(str(error))
        self._exchange.lifecycle.advance(Stage.SETTLING)
        self._times.ended = time.perf_counter()
        fail = partial(self._exchange.fail, error)
        await self._settle(Outcome.BROKEN if self._released else Outcome.FAILED, str(error), fail)
        fail()
        raise error

    def _lost(self, error: Fenced) -> None:
        """The request ends elsewhere. A client that has seen nothing may have that end; one that
        has seen a part of ours has no use for it."""
        self._exchange.lifecycle.return_to_dial()
        if self._released:
            self._exchange.fail(StreamBroken(str(error)))

    def _end(self, outcome: Outcome, reason: str | None) -> AttemptEnd:
        status = self._head.status if self._head else None
        usage = usage_json(self._reader, outcome, self._forward.plan.input_tokens)
        return AttemptEnd(self._lease, outcome, status, len(self._content), reason, usage)

    async def _settle(
        self, outcome: Outcome, reason: str | None, release: Callable[[], None]
    ) -> Settlement:
        """Commit the end; ``release`` gives it to the client, at the latest when it is on disk."""
        size = len(self._content)
        async with self._wire.large_ends.turn(size):
            exchange, answer = self._exchange, self._head.headers if self._head else ()
            caller, owner = self._wire.callers.learn(exchange.caller, exchange.headers, answer)
            settle = partial(
                settlement,
                self._exchange,
                self._forward,
                self._end(outcome, reason),
                outcome,
                reader=self._reader,
                head=self._head,
                content=await off_the_loop(size, self._content.join),
                times=self._times,
                journalled=self._journal.wrote or self._lease.fence > 1,
                caller=caller,
                owner=owner,
            )
            end = await off_the_loop(size, settle)
            await self._commit.commit(end, self._journal.close(), release)
            self._wire.metrics.settled(end, self._exchange.view.model, self._reader.dropped)
            return end
