"""Ask the provider. The call is a task of the process; the activity watches it and reports."""

import asyncio
from functools import partial

import structlog
from temporalio import activity

from palimpsest.conversations.rendered import render
from palimpsest.exchanges.exchange import Exchange, Exchanges
from palimpsest.exchanges.model import EndCause, RequestState
from palimpsest.forwarding.attempt import Attempt, Wire
from palimpsest.forwarding.crashed import estimate_crashed
from palimpsest.forwarding.model import AttemptKind
from palimpsest.forwarding.recovery import Recovery
from palimpsest.forwarding.retry import RetryDue
from palimpsest.forwarding.settlement import recorded_result
from palimpsest.forwarding.spilled import commit_spilled
from palimpsest.relay.publisher import Relay
from palimpsest.runtime.errors import (
    AlreadyEnded,
    CredentialsLost,
    DatabaseUnavailable,
    NotFound,
    PalimpsestError,
    Unavailable,
    from_status,
)
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.temporal.failures import failure, final, retry
from workflows.contracts import FORWARD_UPSTREAM, ForwardUpstreamInput, ForwardUpstreamResult

_HEARTBEAT_SECONDS = 1.0
_HELD_SECONDS = 0.5
_STOPPED_SECONDS = 0.1
_LAST_SECONDS = 2.0

_log = structlog.stdlib.get_logger()


class ForwardUpstream:
    """The activity; run twice it joins the call that is under way, returns the recorded end, or
    takes over from a process that died. ``heart`` is this process's. With a ``relay`` the
    clients are in other processes, and nothing of a request stays here between two attempts."""

    def __init__(
        self,
        exchanges: Exchanges,
        recovery: Recovery,
        wire: Wire,
        heart: Heartbeat,
        relay: Relay | None = None,
        *,
        ledger: EpochStore,
    ) -> None:
        self._exchanges = exchanges
        self._recovery = recovery
        self._ledger = ledger
        self._wire = wire
        self._heart = heart
        self._relay = relay

    @activity.defn(name=FORWARD_UPSTREAM)
    async def run(self, forward: ForwardUpstreamInput) -> ForwardUpstreamResult:
        try:
            exchange = self._exchanges.get(forward.request_id)
            if exchange is None:
                exchange = await self._recovery.exchange(forward.request_id)
            if exchange.call is None or exchange.call.done():
                exchange.call = asyncio.create_task(self._attempt(exchange, forward))
                exchange.call.add_done_callback(partial(self._called, forward.request_id))
            return await self._watch(exchange, exchange.call)
        except RetryDue as due:
            raise retry(due) from due
        except DatabaseUnavailable as error:
            raise failure(error) from error
        except (AlreadyEnded, CredentialsLost) as error:
            return await self._recorded(forward.request_id, error)
        except PalimpsestError as error:
            raise final(error) from error
        except Exception as error:
            # A bug must not call the provider again and again.
            _log.exception("a bug")
            raise final(PalimpsestError("the proxy failed in a way nobody foresaw")) from error
        finally:
            self._let_go(forward.request_id)

    async def _render(self, exchange: Exchange, epoch: str | None) -> None:
        """What the plan says is sent; in a process that did not plan it, from the ledger."""
        known = exchange.rendered
        if epoch is None:
            exchange.rendered = None
        elif known is None or known.epoch != epoch:
            recorded = await self._ledger.get(bytes.fromhex(epoch), "on")
            if recorded is None:
                raise Unavailable("the decisions about this request are not in the ledger any more")
            exchange.rendered = await asyncio.to_thread(render, exchange.view, recorded)

    def _called(self, request_id: str, call: asyncio.Task[ForwardUpstreamResult]) -> None:
        """A call is over, which an activity may watch or not."""
        if not call.cancelled() and (error := call.exception()):
            _log.info("a call ended without an answer", request_id=request_id, reason=str(error))
        self._let_go(request_id)

    def _let_go(self, request_id: str) -> None:
        exchange = self._exchanges.get(request_id)
        if self._relay and exchange and (exchange.call is None or exchange.call.done()):
            self._exchanges.forget(request_id)
        else:
            self._exchanges.forget_if_over(request_id)

    async def _recorded(self, request_id: str, otherwise: PalimpsestError) -> ForwardUpstreamResult:
        """The end that is on record, for an engine that lost sight of it; else ``otherwise``, or
        another look soon, while a living process works on it."""
        store = self._wire.store
        try:
            row = await store.row(request_id)
            attempts = await store.attempts(request_id)
        except DatabaseUnavailable as error:
            raise failure(error) from error
        except NotFound as error:
            raise final(otherwise) from error
        calls = sum(attempt["kind"] == AttemptKind.ANSWER for attempt in attempts)
        end = recorded_result(row, calls)
        if self._relay and row["state"] == RequestState.ENDED:
            await self._relay.recorded(request_id)
        if end is not None:
            return end
        if row["state"] == RequestState.ENDED:
            raise final(from_status(row["status"] or 503, "api_error", row["reason"] or ""))
        if isinstance(otherwise, AlreadyEnded):
            raise retry(RetryDue("another process carries this request", _HELD_SECONDS))
        raise final(otherwise)

    async def _attempt(
        self, exchange: Exchange, forward: ForwardUpstreamInput
    ) -> ForwardUpstreamResult:
        known = forward.known
        # The call is a task of its own: what is bound here ends with it.
        structlog.contextvars.bind_contextvars(
            request_id=exchange.request_id, conversation_id=known.conversation_id
        )
        plan = forward.plan
        await self._render(exchange, plan.epoch)
        shown = {
            "conversation_id": known.conversation_id,
            "turn": known.turn if known.conversation_id else None,
            "accept_ms": exchange.accept_ms,
            "query_ms": known.took_ms,
            "rewrite_ms": plan.took_ms,
            "context_mode": plan.mode,
            "applied_epoch": _chain(plan.epoch),
            "observed_epoch": _chain(plan.observed),
            "original_tokens": plan.original_tokens,
            "context_tokens": plan.input_tokens,
        }
        if activity.info().attempt > 1:
            # An end on disk means that it is over, whatever the engine knows of it.
            await commit_spilled(self._wire.spill, self._wire.store, exchange.request_id)
        lease = await self._wire.store.begin_attempt(
            exchange.request_id,
            self._heart.owner,
            shown,
            trusts_silence=self._heart.trusts_silence,
        )
        if lease is None:
            raise AlreadyEnded("the request has ended or another process carries it")
        if lease.number > 1:
            planned = forward.plan.input_tokens
            await estimate_crashed(self._wire.store, self._wire.journal, exchange, lease, planned)
        if known.degraded and lease.number == 1:
            self._wire.metrics.degraded.labels("query").inc()
        exchange.degraded = known.degraded or plan.degraded
        exchange.context = plan.summary
        exchange.intelligence = plan.intelligence
        attempt = Attempt(self._wire, exchange, forward, lease)
        if self._relay is None:
            return await attempt.run()
        mirror = self._relay.mirror(exchange, lease.fence)
        try:
            return await attempt.run()
        finally:
            if not exchange.answer.ended:
                mirror.cancel()

    async def _watch(
        self, exchange: Exchange, call: asyncio.Task[ForwardUpstreamResult]
    ) -> ForwardUpstreamResult:
        """Heartbeat until the call is over. Only a cancellation that was asked for stops it, and
        the end of a process that others can call instead of."""
        while True:
            try:
                done, _ = await asyncio.wait({call}, timeout=_HEARTBEAT_SECONDS)
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if details and details.cancel_requested:
                    exchange.stop()
                    await asyncio.wait({call})
                elif details and details.worker_shutdown:
                    exchange.hand_over()
                    await asyncio.wait({call}, timeout=_LAST_SECONDS)
                    if call.cancelled() or not call.done():
                        due = RetryDue(EndCause.PROCESS_STOPPED, _STOPPED_SECONDS)
                        raise due from None
                    return call.result()
                raise
            if done:
                return call.result()
            activity.heartbeat(self._progress(exchange))

    def _progress(self, exchange: Exchange) -> dict[str, object]:
        """What an operator sees of a pending forward in the Temporal UI."""
        return {
            "phase": "streaming" if exchange.answer.head else "waiting",
            "provider": self._wire.upstream.name,
            "bytes": exchange.answer.size,
            "tokens": exchange.output_tokens,
            "seconds": round(exchange.elapsed(), 1),
        }


def _chain(name: str | None) -> bytes | None:
    return bytes.fromhex(name) if name else None
