"""Decides what the model will see: recorded decisions are applied, new ones made where due."""

import time

import structlog
from temporalio import activity

from palimpsest.context.model import Injection
from palimpsest.conversations.lookup import Arrival, EpochLookup, RecordedEpochs
from palimpsest.conversations.rendered import render
from palimpsest.conversations.rewriter import ContextRewriter, Rewrite
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.registry import ExchangeRegistry, read_arrival
from palimpsest.memory.injector import Injector
from palimpsest.memory.model import LookupOutcome
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.offload import off_the_loop
from palimpsest.store.postgres.requests import RequestStore
from workflows.contracts import REWRITE_CONTEXT, RewriteContextInput, RewriteContextResult

_log = structlog.stdlib.get_logger()


class RewriteContext:
    """The activity; a request that is over its budget with nothing left to prune goes on too,
    since the provider's own overflow error is what the client understands."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        epochs: EpochLookup,
        rewriter: ContextRewriter,
        metrics: Metrics,
        unchanged: UnchangedConversations,
        injector: Injector,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._epochs = epochs
        self._rewriter = rewriter
        self._metrics = metrics
        self._unchanged = unchanged
        self._injector = injector

    @activity.defn(name=REWRITE_CONTEXT)
    async def run(self, asked: RewriteContextInput) -> RewriteContextResult:
        started = time.perf_counter()
        arrival = await read_arrival(asked.request_id, self._exchanges, self._requests)
        view, headers = arrival.view, arrival.headers
        exchange = self._exchanges.get(asked.request_id)
        placement = exchange.placement if exchange else None
        project = asked.known.project if asked.known else ""
        lineage = placement.lineage if placement else await arrival.trace(project)
        recorded = await self._epochs.find(view, asked.known, lineage)
        injection = await self._inject(arrival, asked, recorded)
        rewritten = await self._rewriter.rewrite(view, headers, asked, recorded, injection)
        if rewritten.summarise:
            return _result(rewritten, asked, (time.perf_counter() - started) * 1000)
        if exchange:
            await _hand_over(exchange, rewritten)
        if rewritten.epoch is None:
            self._unchanged.record(lineage)
        self._count(rewritten)
        if injection and rewritten.epoch and injection in rewritten.epoch.injections:
            await self._injector.count_use(injection)
        return _result(rewritten, asked, (time.perf_counter() - started) * 1000)

    async def _inject(
        self, arrival: Arrival, asked: RewriteContextInput, recorded: RecordedEpochs
    ) -> Injection | None:
        """The injection for this turn; None where it was injected before."""
        known = asked.known
        if known is None or not known.memories:
            return None
        if recorded.applied and recorded.applied.depth == len(recorded.chain):
            return None
        try:
            return await self._injector.inject(
                arrival.view,
                known.memories,
                known.conversation_id or "",
                arrival.caller,
                ratio=asked.token_ratio or 1.0,
                epoch=recorded.applied,
            )
        except DatabaseUnavailable as error:
            _log.warning("a request goes on without memories", reason=str(error))
            return None

    def _count(self, rewritten: Rewrite) -> None:
        sent = rewritten.sent
        if sent is None:
            self._metrics.degraded.labels("rewrite").inc()
        elif rewritten.epoch:
            self._metrics.pruned.inc(max(0, sent.tokens_before - sent.tokens))


async def _hand_over(exchange: Exchange, rewritten: Rewrite) -> None:
    """To the call, if this process makes it; any other renders it again from the recorded epoch."""
    epoch, sent = rewritten.epoch, rewritten.sent
    if epoch is None:
        exchange.rewrite(None)
        return
    messages = sent.messages if sent else None
    view = exchange.view
    exchange.rewrite(await off_the_loop(view.weight, render, view, epoch, messages))


def _result(rewritten: Rewrite, asked: RewriteContextInput, took_ms: float) -> RewriteContextResult:
    sent = rewritten.sent
    return RewriteContextResult(
        counted_tokens=sent.counted if sent else None,
        input_tokens=sent.tokens if sent else None,
        budget_tokens=rewritten.budget.limit,
        fits=sent is None or sent.tokens <= rewritten.budget.limit,
        took_ms=took_ms,
        degraded=None if sent or rewritten.summarise else "rewrite: deadline passed",
        mode=rewritten.mode.value,
        epoch=rewritten.epoch.chain.hex() if rewritten.epoch else None,
        observed=rewritten.observed_epoch.chain.hex() if rewritten.observed_epoch else None,
        original_tokens=sent.tokens_before if sent else None,
        summary=_summary(rewritten),
        summarise=rewritten.summarise,
        intelligence=_intelligence(rewritten, asked),
    )


def _intelligence(rewritten: Rewrite, asked: RewriteContextInput) -> str | None:
    """The value of the header that tells the client about injection for its newest turn."""
    status = asked.known.recall if asked.known else None
    if status != LookupOutcome.FOUND:
        return status
    injected = rewritten.epoch.injections if rewritten.epoch else ()
    return injected[-1].summary if injected else LookupOutcome.NONE


def _summary(rewritten: Rewrite) -> str:
    """What the client is told, as the value of a header."""
    if rewritten.epoch and rewritten.epoch.number:
        name, outcome = f"rewritten;epoch={rewritten.epoch.number}", rewritten.sent
    elif rewritten.epoch:
        name, outcome = "extended", rewritten.sent
    elif rewritten.observed and rewritten.observed.epoch:
        name, outcome = "observed", rewritten.observed
    else:
        return "unchanged"
    if outcome is None:
        return name
    return f"{name};tokens={outcome.tokens};saved={outcome.tokens_before - outcome.tokens}"
