"""What will the model see? What was decided before, carried out, and new decisions where due."""

import time

from temporalio import activity

from activities.deciding import INLINE_BYTES, Decided, Decider
from activities.failures import failure
from activities.request_view import request_headers, request_view
from context.view import RequestView
from errors import PalimpsestError
from metrics import Metrics
from providers.exchange import Exchange, Exchanges
from providers.past import PastReader
from providers.rendered import render
from providers.unrewritten import Unrewritten
from store.offload import off_the_loop
from store.requests import RequestStore
from workflows.contracts import REWRITE_CONTEXT, RewriteContextInput, RewriteContextResult


class RewriteContext:
    """The activity; a request that is over its budget with nothing left to prune goes on too,
    since the provider's own overflow error is what the client understands."""

    def __init__(
        self,
        exchanges: Exchanges,
        requests: RequestStore,
        past: PastReader,
        decider: Decider,
        metrics: Metrics,
        unrewritten: Unrewritten,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._past = past
        self._decider = decider
        self._metrics = metrics
        self._unrewritten = unrewritten

    @activity.defn(name=REWRITE_CONTEXT)
    async def run(self, rewrite: RewriteContextInput) -> RewriteContextResult:
        started = time.perf_counter()
        try:
            view = await request_view(rewrite.request_id, self._exchanges, self._requests)
            headers = await request_headers(rewrite.request_id, self._exchanges, self._requests)
            past = await self._past.of(view, rewrite.known)
            decided = await self._decider.decide(view, headers, rewrite, past)
        except PalimpsestError as error:
            raise failure(error) from error
        if decided.summarise:
            return _result(decided, (time.perf_counter() - started) * 1000)
        exchange = self._exchanges.get(rewrite.request_id)
        if exchange:
            await _hand_over(exchange, decided)
        if decided.epoch is None:
            self._remember(view)
        self._count(decided)
        return _result(decided, (time.perf_counter() - started) * 1000)

    def _remember(self, view: RequestView) -> None:
        if len(view.body) <= INLINE_BYTES:
            self._unrewritten.passed(view)
        else:
            self._decider.later(lambda: self._unrewritten.passed(view))

    def _count(self, decided: Decided) -> None:
        sent = decided.sent
        if sent is None:
            self._metrics.degraded.labels("rewrite").inc()
        elif decided.epoch:
            self._metrics.pruned.inc(max(0, sent.tokens_before - sent.tokens))


async def _hand_over(exchange: Exchange, decided: Decided) -> None:
    """To the call, if this process makes it; any other renders it again from the ledger."""
    epoch, sent = decided.epoch, decided.sent
    if epoch is None:
        exchange.rendered = None
        return
    messages = sent.messages if sent else None
    view = exchange.view
    exchange.rendered = await off_the_loop(len(view.body), render, view, epoch, messages)


def _result(decided: Decided, took_ms: float) -> RewriteContextResult:
    sent = decided.sent
    return RewriteContextResult(
        counted_tokens=sent.counted if sent else None,
        input_tokens=sent.tokens if sent else None,
        budget_tokens=decided.budget.limit,
        fits=sent is None or sent.tokens <= decided.budget.limit,
        took_ms=took_ms,
        degraded=None if sent or decided.summarise else "rewrite: deadline passed",
        mode=decided.mode,
        epoch=decided.epoch.chain.hex() if decided.epoch else None,
        observed=decided.watched.chain.hex() if decided.watched else None,
        original_tokens=sent.tokens_before if sent else None,
        summary=_summary(decided),
        summarise=decided.summarise,
    )


def _summary(decided: Decided) -> str:
    """What the client is told, as the value of a header."""
    if decided.epoch:
        name, outcome = f"rewritten;epoch={decided.epoch.number}", decided.sent
    elif decided.observed and decided.observed.epoch:
        name, outcome = "observed", decided.observed
    else:
        return "unchanged"
    if outcome is None:
        return name
    return f"{name};tokens={outcome.tokens};saved={outcome.tokens_before - outcome.tokens}"
