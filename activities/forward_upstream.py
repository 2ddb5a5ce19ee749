"""Ask the provider. The call is a task of the process; the activity watches it and reports."""

import asyncio

import structlog
from temporalio import activity

from activities.failures import failure, final, retry
from errors import AlreadyEnded, CredentialsLost, DatabaseUnavailable, NotFound, PalimpsestError
from providers.attempt import Attempt, Wire
from providers.exchange import Exchange, Exchanges
from providers.retry import RetryDue
from providers.settlement import recorded_result
from workflows.contracts import FORWARD_UPSTREAM, ForwardUpstreamInput, ForwardUpstreamResult

_HEARTBEAT_SECONDS = 1.0

_log = structlog.stdlib.get_logger()


class ForwardUpstream:
    """The activity; run twice it joins the call that is under way. ``owner`` names this process."""

    def __init__(self, exchanges: Exchanges, wire: Wire, owner: str) -> None:
        self._exchanges = exchanges
        self._wire = wire
        self._owner = owner

    @activity.defn(name=FORWARD_UPSTREAM)
    async def run(self, forward: ForwardUpstreamInput) -> ForwardUpstreamResult:
        exchange = self._exchanges.get(forward.request_id)
        if exchange is None:
            lost = CredentialsLost(
                "the process that held this request and its credentials is gone; send it again"
            )
            return await self._recorded(forward.request_id, lost)
        if exchange.call is None or exchange.call.done():
            exchange.call = asyncio.create_task(self._attempt(exchange, forward))
        try:
            return await self._watch(exchange, exchange.call)
        except RetryDue as due:
            raise retry(due) from due
        except DatabaseUnavailable as error:
            late = exchange.elapsed() > self._wire.limits.total
            raise (final(error) if late else failure(error)) from error
        except AlreadyEnded as error:
            return await self._recorded(forward.request_id, error)
        except PalimpsestError as error:
            raise final(error) from error
        except Exception as error:
            # A bug must not call the provider again and again.
            _log.exception("a bug")
            raise final(PalimpsestError("the proxy failed in a way nobody foresaw")) from error

    async def _recorded(self, request_id: str, otherwise: PalimpsestError) -> ForwardUpstreamResult:
        """The end that is on record, for an engine that lost sight of it; else ``otherwise``."""
        store = self._wire.store
        try:
            row = await store.row(request_id)
            attempts = await store.attempts(request_id)
        except DatabaseUnavailable as error:
            raise failure(error) from error
        except NotFound as error:
            raise final(otherwise) from error
        end = recorded_result(row, len(attempts))
        if end is None:
            raise final(otherwise)
        return end

    async def _attempt(
        self, exchange: Exchange, forward: ForwardUpstreamInput
    ) -> ForwardUpstreamResult:
        with structlog.contextvars.bound_contextvars(
            request_id=exchange.request_id, conversation_id=forward.known.conversation_id
        ):
            number = await self._wire.store.begin_attempt(exchange.request_id, self._owner)
            if number is None:
                raise AlreadyEnded("the request has ended")
            if forward.known.degraded and number == 1:
                self._wire.metrics.degraded.labels("query").inc()
            exchange.degraded = forward.known.degraded or forward.plan.degraded
            return await Attempt(self._wire, exchange, forward, number).run()

    async def _watch(
        self, exchange: Exchange, call: asyncio.Task[ForwardUpstreamResult]
    ) -> ForwardUpstreamResult:
        """Heartbeat until the call is over. Only a cancellation that was asked for stops it."""
        while True:
            try:
                done, _ = await asyncio.wait({call}, timeout=_HEARTBEAT_SECONDS)
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if details and details.cancel_requested:
                    exchange.stop()
                    await asyncio.wait({call})
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
            "seconds": round(exchange.elapsed(), 1),
        }
