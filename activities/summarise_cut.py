"""Have a model sum up what a request's new epoch is to cut. Whatever goes wrong here, the epoch is
recorded without a summary."""

import asyncio
import time

import structlog
from temporalio import activity

from palimpsest.context.model import Epoch
from palimpsest.context.summary import question, room
from palimpsest.context.transcript import transcript
from palimpsest.conversations.lookup import EpochLookup
from palimpsest.conversations.model import CutSummary
from palimpsest.conversations.rewriter import ContextRewriter
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import AttemptEnd, Lease
from palimpsest.forwarding.recovery import Recovery
from palimpsest.forwarding.side_call import SideAnswer, SideCalls, end_of_failed
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.metrics import Metrics
from palimpsest.store.postgres.summaries import SummaryStore
from workflows.contracts import (
    SUMMARISE_CUT,
    RewriteContextInput,
    SummariseCutResult,
    SummaryOutcome,
)

_HEARTBEAT_SECONDS = 1.0

_log = structlog.stdlib.get_logger()


class SummariseCut:
    """The activity; it runs where calls are made. ``model`` is asked, ``owner`` is this process."""

    def __init__(
        self,
        recovery: Recovery,
        epochs: EpochLookup,
        rewriter: ContextRewriter,
        summaries: SummaryStore,
        calls: SideCalls,
        metrics: Metrics,
        *,
        model: str,
        owner: str,
    ) -> None:
        self._recovery = recovery
        self._epochs = epochs
        self._rewriter = rewriter
        self._summaries = summaries
        self._calls = calls
        self._metrics = metrics
        self._model = model
        self._owner = owner

    @activity.defn(name=SUMMARISE_CUT)
    async def run(self, rewrite: RewriteContextInput) -> SummariseCutResult:
        started = time.perf_counter()
        work = asyncio.create_task(self._summarise(rewrite))
        try:
            while not (await asyncio.wait({work}, timeout=_HEARTBEAT_SECONDS))[0]:
                activity.heartbeat()
            outcome = work.result()
        except PalimpsestError as error:
            self._metrics.summaries.labels(SummaryOutcome.FAILED).inc()
            _log.warning("no summary", request_id=rewrite.request_id, reason=str(error))
            raise
        finally:
            work.cancel()
            await asyncio.wait({work})
        self._metrics.summaries.labels(outcome).inc()
        return SummariseCutResult(outcome, (time.perf_counter() - started) * 1000)

    async def _summarise(self, rewrite: RewriteContextInput) -> SummaryOutcome:
        exchange = await self._recovery.peek(rewrite.request_id)
        lineage = await exchange.arrival().trace(rewrite.known.project if rewrite.known else "")
        recorded = await self._epochs.find(exchange.view, rewrite.known, lineage)
        if await self._summaries.get(recorded.chain[-1]) is not None:
            return SummaryOutcome.KNOWN
        epoch = await self._rewriter.plan(exchange.view, exchange.headers, rewrite, recorded)
        if epoch is None or exchange.lifecycle.client_left:
            return SummaryOutcome.NOT_DUE
        content = await asyncio.to_thread(self._question, exchange.view, epoch, recorded.applied)
        number = await self._summaries.begin_call(rewrite.request_id, self._owner)
        if number is None:
            return SummaryOutcome.NOT_DUE
        said = await self._ask(exchange, content, Lease(number, 0))
        conversation = rewrite.known.conversation_id if rewrite.known else None
        end = AttemptEnd(
            Lease(number, 0), Outcome.ANSWERED, said.status, said.size, usage=said.usage
        )
        summary = CutSummary(self._model, said.text)
        await self._summaries.save_summary(
            epoch.chain, conversation or "", rewrite.request_id, summary, end
        )
        return SummaryOutcome.KEPT

    def _question(self, view: RequestView, epoch: Epoch, before: Epoch | None) -> bytes:
        excerpt = transcript(view, epoch, before)
        return question(view, excerpt, self._model, room(view.dialect, epoch))

    async def _ask(self, exchange: Exchange, content: bytes, lease: Lease) -> SideAnswer:
        """What the model said; else the call's row is closed with what became of it."""
        try:
            return await self._calls.ask(exchange.target, exchange.headers, content)
        except (PalimpsestError, asyncio.CancelledError) as error:
            await self._summaries.close_call(
                exchange.request_id, end_of_failed(lease, error, content)
            )
            raise
