"""Calls of this process to the provider, one for a request at a time: joined, begun or replayed."""

import asyncio
from functools import partial

import structlog

from palimpsest.conversations.rendered import render
from palimpsest.exchanges.exchange import Exchange, UpstreamCall
from palimpsest.exchanges.model import RequestState
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.forwarding.attempt import Attempt, Wire
from palimpsest.forwarding.commit import commit_spilled
from palimpsest.forwarding.model import AttemptKind, Lease
from palimpsest.forwarding.recovery import Recovery, estimate_crashed
from palimpsest.forwarding.retry import RetryDue
from palimpsest.forwarding.settlement import recorded_result
from palimpsest.relay.publisher import Publisher
from palimpsest.runtime.errors import (
    AlreadyEnded,
    NotFound,
    PalimpsestError,
    Unavailable,
    final,
    from_status,
)
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.store.postgres.epochs import EpochStore
from workflows.contracts import ForwardUpstreamInput, ForwardUpstreamResult

_HELD_SECONDS = 0.5

_log = structlog.stdlib.get_logger()


class UpstreamCalls:
    """``heart`` is this process's. With a ``publisher`` the clients are in other processes, and
    nothing of a request stays here between two attempts."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        recovery: Recovery,
        wire: Wire,
        heart: Heartbeat,
        epochs: EpochStore,
        publisher: Publisher | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._recovery = recovery
        self._wire = wire
        self._heart = heart
        self._epochs = epochs
        self._publisher = publisher

    async def join_or_begin(
        self, forward: ForwardUpstreamInput, *, retried: bool
    ) -> tuple[Exchange, UpstreamCall]:
        """The call that is under way for the request, or a new one; ``retried``: another process
        may have ended it meanwhile. Raises CredentialsLost or DatabaseUnavailable."""
        exchange = self._exchanges.get(forward.request_id)
        if exchange is None:
            exchange = await self._recovery.recover(forward.request_id)
        if exchange.call is None or exchange.call.done():
            call = exchange.begin_call(self._attempt(exchange, forward, retried=retried))
            call.add_done_callback(partial(self._done, forward.request_id))
            return exchange, call
        return exchange, exchange.call

    async def recorded_end(
        self, request_id: str, otherwise: PalimpsestError
    ) -> ForwardUpstreamResult:
        """The end that is on record, for an engine that lost sight of it. Raises ``otherwise``
        where there is none, or RetryDue while a living process works on it."""
        store = self._wire.store
        try:
            record = await store.read_request(request_id)
            attempts = await store.read_attempts(request_id)
        except NotFound as error:
            raise final(otherwise) from error
        calls = sum(attempt.kind == AttemptKind.ANSWER for attempt in attempts)
        end = recorded_result(record, calls)
        if self._publisher and record.state == RequestState.ENDED:
            await self._publisher.announce_end(request_id)
        if end is not None:
            return end
        if record.state == RequestState.ENDED:
            raise final(from_status(record.status or 503, "api_error", record.reason or ""))
        if isinstance(otherwise, AlreadyEnded):
            raise RetryDue("another process carries this request", _HELD_SECONDS)
        raise final(otherwise)

    def release(self, request_id: str) -> None:
        """Forget the exchange where nobody reads it and nobody writes it here."""
        exchange = self._exchanges.get(request_id)
        if self._publisher and exchange and not exchange.is_calling:
            self._exchanges.forget(request_id)
        else:
            self._exchanges.forget_if_over(request_id)

    def _done(self, request_id: str, call: UpstreamCall) -> None:
        """A call is over, which an activity may watch or not."""
        if not call.cancelled() and (error := call.exception()):
            _log.info("a call ended without an answer", request_id=request_id, reason=str(error))
        self.release(request_id)

    async def _attempt(
        self, exchange: Exchange, forward: ForwardUpstreamInput, *, retried: bool
    ) -> ForwardUpstreamResult:
        # The call is a task of its own: what is bound here ends with it.
        structlog.contextvars.bind_contextvars(
            request_id=exchange.request_id, conversation_id=forward.known.conversation_id
        )
        await self._render(exchange, forward.plan.epoch)
        if retried:
            # An end on disk means that it is over, whatever the engine knows of it.
            await commit_spilled(self._wire.spill, self._wire.store, exchange.request_id)
        lease = await self._wire.store.begin_attempt(
            exchange.request_id,
            self._heart.owner,
            _shown(exchange, forward),
            trusts_silence=self._heart.trusts_silence,
        )
        if lease is None:
            raise AlreadyEnded("the request has ended or another process carries it")
        if lease.number > 1:
            planned = forward.plan.input_tokens
            await estimate_crashed(self._wire.store, self._wire.journal, exchange, lease, planned)
        elif forward.known.degraded:
            self._wire.metrics.degraded.labels("query").inc()
        return await self._run(Attempt(self._wire, exchange, forward, lease), exchange, lease)

    async def _run(
        self, attempt: Attempt, exchange: Exchange, lease: Lease
    ) -> ForwardUpstreamResult:
        if self._publisher is None:
            return await attempt.run()
        publication = self._publisher.publish(exchange, lease.fence)
        try:
            return await attempt.run()
        finally:
            if not exchange.answer.ended:
                publication.cancel()

    async def _render(self, exchange: Exchange, epoch: str | None) -> None:
        """What the plan says is sent; in a process that did not plan it, from the epochs."""
        rendered = exchange.rendered
        if epoch is None:
            exchange.rewrite(None)
        elif rendered is None or rendered.epoch != epoch:
            recorded = await self._epochs.get(bytes.fromhex(epoch), "on")
            if recorded is None:
                raise Unavailable("the decisions about this request are not in the ledger any more")
            exchange.rewrite(await asyncio.to_thread(render, exchange.view, recorded))


def _shown(exchange: Exchange, forward: ForwardUpstreamInput) -> dict[str, object]:
    """What the request's row shows while it is forwarded."""
    known, plan = forward.known, forward.plan
    return {
        "conversation_id": known.conversation_id,
        "turn": known.turn if known.conversation_id else None,
        "origin": bytes.fromhex(known.origin),
        "accept_ms": exchange.accept_ms,
        "query_ms": known.took_ms,
        "rewrite_ms": plan.took_ms,
        "context_mode": plan.mode,
        "applied_epoch": _chain(plan.epoch),
        "observed_epoch": _chain(plan.observed),
        "original_tokens": plan.original_tokens,
        "context_tokens": plan.input_tokens,
    }


def _chain(name: str | None) -> bytes | None:
    return bytes.fromhex(name) if name else None
