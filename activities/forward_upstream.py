"""Asks the provider. The call is a task of the process; the activity watches it and reports."""

import asyncio

import structlog
from temporalio import activity

from palimpsest.exchanges.exchange import Exchange, StopCause, UpstreamCall
from palimpsest.exchanges.model import EndCause
from palimpsest.forwarding.calls import UpstreamCalls
from palimpsest.forwarding.retry import RetryDue
from palimpsest.runtime.errors import (
    AlreadyEnded,
    CredentialsLost,
    DatabaseUnavailable,
    PalimpsestError,
    final,
    unforeseen,
)
from workflows.contracts import FORWARD_UPSTREAM, ForwardUpstreamInput, ForwardUpstreamResult

_HEARTBEAT_SECONDS = 1.0
_STOPPED_SECONDS = 0.1
_LAST_SECONDS = 2.0

_log = structlog.stdlib.get_logger()


class ForwardUpstream:
    """The activity; run twice it joins the call that is under way, returns the recorded end, or
    takes over from a process that died. ``provider`` is the name that operators see."""

    def __init__(self, calls: UpstreamCalls, provider: str) -> None:
        self._calls = calls
        self._provider = provider

    @activity.defn(name=FORWARD_UPSTREAM)
    async def run(self, forward: ForwardUpstreamInput) -> ForwardUpstreamResult:
        try:
            retried = activity.info().attempt > 1
            exchange, call = await self._calls.join_or_begin(forward, retried=retried)
            return await self._watch(exchange, call)
        except (RetryDue, DatabaseUnavailable):
            raise
        except (AlreadyEnded, CredentialsLost) as error:
            return await self._calls.recorded_end(forward.request_id, error)
        except PalimpsestError as error:
            final(error)
            raise
        except Exception as error:
            # A bug must not call the provider again and again.
            _log.exception("a bug")
            raise final(unforeseen(error)) from error
        finally:
            self._calls.release(forward.request_id)

    async def _watch(self, exchange: Exchange, call: UpstreamCall) -> ForwardUpstreamResult:
        """Heartbeat until the call is over. Only a cancellation that was asked for stops it, and
        the end of a process that others can call instead of."""
        while True:
            try:
                done, _ = await asyncio.wait({call}, timeout=_HEARTBEAT_SECONDS)
            except asyncio.CancelledError:
                details = activity.cancellation_details()
                if details and details.cancel_requested:
                    exchange.stop(StopCause.OPERATOR)
                    await asyncio.wait({call})
                elif details and details.worker_shutdown:
                    return await self._hand_over(exchange, call)
                raise
            if done:
                return call.result()
            activity.heartbeat(self._progress(exchange))

    async def _hand_over(self, exchange: Exchange, call: UpstreamCall) -> ForwardUpstreamResult:
        """The call's end, if it has one by now; else another process makes it anew."""
        exchange.stop(StopCause.HAND_OVER)
        await asyncio.wait({call}, timeout=_LAST_SECONDS)
        if call.cancelled() or not call.done():
            raise RetryDue(EndCause.PROCESS_STOPPED, _STOPPED_SECONDS) from None
        return call.result()

    def _progress(self, exchange: Exchange) -> dict[str, object]:
        """What an operator sees of a pending forward in the Temporal UI; times in seconds."""
        return {
            "phase": "streaming" if exchange.answer.head else "waiting",
            "provider": self._provider,
            "bytes": exchange.answer.size,
            "tokens": exchange.answer.output_tokens,
            "seconds": round(exchange.elapsed(), 1),
        }
