"""What will the model see? So far: the request as it came, with its size against the budget."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from temporalio import activity

from activities.failures import failure
from activities.request_view import request_view
from context.budget import Budget, budget
from context.models import lookup
from context.tokens import estimate
from context.view import RequestView
from errors import PalimpsestError
from metrics import Metrics
from providers.exchange import Exchanges
from providers.unrewritten import Unrewritten
from store.requests import RequestStore
from workflows.contracts import REWRITE_CONTEXT, RewriteContextInput, RewriteContextResult

_INLINE_BYTES = 4 * 1024
# A count of a huge body takes seconds and outlives its deadline. With threads of its own it keeps
# no other work waiting, and one that has not begun by its deadline is dropped.
_COUNTING_THREADS = 2


class RewriteContext:
    """The activity; a request over the budget goes on too, since the provider's own overflow
    error is what the client understands. ``window`` overrides the model table."""

    def __init__(
        self,
        exchanges: Exchanges,
        requests: RequestStore,
        metrics: Metrics,
        unrewritten: Unrewritten,
        window: int | None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._metrics = metrics
        self._unrewritten = unrewritten
        self._window = window
        self._counting = ThreadPoolExecutor(_COUNTING_THREADS, thread_name_prefix="counting")

    @activity.defn(name=REWRITE_CONTEXT)
    async def run(self, rewrite: RewriteContextInput) -> RewriteContextResult:
        started = time.perf_counter()
        try:
            view = await request_view(rewrite.request_id, self._exchanges, self._requests)
        except PalimpsestError as error:
            raise failure(error) from error
        limits = budget(lookup(view.model), view.max_tokens, window_override=self._window)
        counted = await self._count(view, rewrite.plan_deadline)
        self._remember(view)
        took_ms = (time.perf_counter() - started) * 1000
        return _plan(view, rewrite, limits, counted, took_ms)

    def _remember(self, view: RequestView) -> None:
        if len(view.body) <= _INLINE_BYTES:
            self._unrewritten.passed(view)
        else:
            # For the next turn: nothing of this one waits for it.
            self._counting.submit(self._unrewritten.passed, view)

    async def _count(self, view: RequestView, deadline: float) -> int | None:
        """The tokens by our own count, or None when the deadline passed; the count goes on in its
        thread and is there for the next turn."""
        if len(view.body) <= _INLINE_BYTES:
            return estimate(view).total
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline):
                return (await loop.run_in_executor(self._counting, estimate, view)).total
        except TimeoutError:
            self._metrics.degraded.labels("rewrite").inc()
            return None


def _plan(
    view: RequestView,
    rewrite: RewriteContextInput,
    limits: Budget,
    counted: int | None,
    took_ms: float,
) -> RewriteContextResult:
    if counted is None:
        return RewriteContextResult(
            None,
            None,
            limits.limit,
            fits=True,
            took_ms=took_ms,
            degraded="rewrite: deadline passed",
        )
    tokens = round(counted * (rewrite.token_ratio or lookup(view.model).ratio))
    return RewriteContextResult(
        counted, tokens, limits.limit, fits=tokens <= limits.limit, took_ms=took_ms
    )
