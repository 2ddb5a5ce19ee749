"""Ends a request that got no answer: on record, and for the client that waits for it."""

from temporalio import activity

from palimpsest.exchanges.model import Outcome
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.relay.publisher import Publisher
from palimpsest.runtime.errors import from_status
from palimpsest.runtime.metrics import Metrics
from palimpsest.store.postgres.requests import RequestStore
from workflows.contracts import CLOSE_REQUEST, CloseRequestInput


class CloseRequest:
    """The activity; safe to run twice, and after the request ended by itself."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        metrics: Metrics,
        publisher: Publisher | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._metrics = metrics
        self._publisher = publisher

    @activity.defn(name=CLOSE_REQUEST)
    async def run(self, close: CloseRequestInput) -> None:
        self._exchanges.fail(close.request_id, from_status(close.status, close.kind, close.reason))
        self._exchanges.forget_if_over(close.request_id)
        cancelled = close.kind == Outcome.CANCELLED
        outcome = Outcome.CANCELLED if cancelled else Outcome.FAILED
        ended = await self._requests.end_without_answer(
            close.request_id, outcome, close.status, close.reason
        )
        if self._publisher:
            await self._publisher.announce_end(close.request_id)
        if ended:
            self._metrics.outcomes.labels(outcome).inc()
