"""What will the model see? What was decided before, carried out, and new decisions where due."""

import time

import structlog
from temporalio import activity

from palimpsest.context.model import Injection
from palimpsest.conversations.epoch_lookup import EpochLookup, RecordedEpochs
from palimpsest.conversations.rendered import render
from palimpsest.conversations.rewriter import ContextRewriter, Rewrite
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.captured import request_headers, request_view
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.registry import ExchangeRegistry
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
        past: EpochLookup,
        rewriter: ContextRewriter,
        metrics: Metrics,
        unchanged: UnchangedConversations,
        injector: Injector,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._past = past
        self._rewriter = rewriter
        self._metrics = metrics
        self._unchanged = unchanged
        self._injector = injector

    @activity.defn(name=REWRITE_CONTEXT)
    async def run(self, rewrite: RewriteContextInput) -> RewriteContextResult:
        started = time.perf_counter()
        view = await request_view(rewrite.request_id, self._exchanges, self._requests)
        headers = await request_headers(rewrite.request_id, self._exchanges, self._requests)
        exchange = self._exchanges.get(rewrite.request_id)
        placement = exchange.placement if exchange else None
        chain = placement.chain if placement else None
        past = await self._past.find(view, rewrite.known, chain)
        recall = await self._recall(view, rewrite, past)
        decided = await self._rewriter.rewrite(view, headers, rewrite, past, recall)
        if decided.summarise:
            return _result(decided, rewrite, (time.perf_counter() - started) * 1000)
        if exchange:
            await _hand_over(exchange, decided)
        if decided.epoch is None:
            self._unchanged.record(past.chain)
        self._count(decided)
        if recall and decided.epoch and recall in decided.epoch.injections:
            await self._injector.count_use(recall)
        return _result(decided, rewrite, (time.perf_counter() - started) * 1000)

    async def _recall(
        self, view: RequestView, rewrite: RewriteContextInput, past: RecordedEpochs
    ) -> Injection | None:
        """The injection for this turn; None where it was injected before."""
        known = rewrite.known
        if known is None or not known.memories:
            return None
        if past.applied and past.applied.depth == len(past.chain):
            return None
        try:
            return await self._injector.inject(
                view,
                known.memories,
                known.conversation_id or "",
                ratio=rewrite.token_ratio or 1.0,
                epoch=past.applied,
            )
        except DatabaseUnavailable as error:
            _log.warning("a request goes on without memories", reason=str(error))
            return None

    def _count(self, decided: Rewrite) -> None:
        sent = decided.sent
        if sent is None:
            self._metrics.degraded.labels("rewrite").inc()
        elif decided.epoch:
            self._metrics.pruned.inc(max(0, sent.tokens_before - sent.tokens))


async def _hand_over(exchange: Exchange, decided: Rewrite) -> None:
    """To the call, if this process makes it; any other renders it again from the ledger."""
    epoch, sent = decided.epoch, decided.sent
    if epoch is None:
        exchange.rewrite(None)
        return
    messages = sent.messages if sent else None
    view = exchange.view
    exchange.rewrite(await off_the_loop(len(view.body), render, view, epoch, messages))


def _result(decided: Rewrite, rewrite: RewriteContextInput, took_ms: float) -> RewriteContextResult:
    sent = decided.sent
    return RewriteContextResult(
        counted_tokens=sent.counted if sent else None,
        input_tokens=sent.tokens if sent else None,
        budget_tokens=decided.budget.limit,
        fits=sent is None or sent.tokens <= decided.budget.limit,
        took_ms=took_ms,
        degraded=None if sent or decided.summarise else "rewrite: deadline passed",
        mode=decided.mode.value,
        epoch=decided.epoch.chain.hex() if decided.epoch else None,
        observed=decided.observed_epoch.chain.hex() if decided.observed_epoch else None,
        original_tokens=sent.tokens_before if sent else None,
        summary=_summary(decided),
        summarise=decided.summarise,
        intelligence=_intelligence(decided, rewrite),
    )


def _intelligence(decided: Rewrite, rewrite: RewriteContextInput) -> str | None:
    """The value of the header that tells the client about injection for its newest turn."""
    status = rewrite.known.recall if rewrite.known else None
    if status != LookupOutcome.FOUND:
        return status
    injected = decided.epoch.injections if decided.epoch else ()
    return injected[-1].summary if injected else LookupOutcome.NONE


def _summary(decided: Rewrite) -> str:
    """What the client is told, as the value of a header."""
    if decided.epoch and decided.epoch.number:
        name, outcome = f"rewritten;epoch={decided.epoch.number}", decided.sent
    elif decided.epoch:
        name, outcome = "extended", decided.sent
    elif decided.observed and decided.observed.epoch:
        name, outcome = "observed", decided.observed
    else:
        return "unchanged"
    if outcome is None:
        return name
    return f"{name};tokens={outcome.tokens};saved={outcome.tokens_before - outcome.tokens}"
