"""End a request that got no answer: on record, and for the client that waits for it."""

from temporalio import activity

from palimpsest.exchanges.exchange import Exchanges
from palimpsest.exchanges.model import Outcome
from palimpsest.relay.publisher import Relay
from palimpsest.runtime.errors import PalimpsestError, from_status
from palimpsest.runtime.metrics import Metrics
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.temporal.failures import failure
from workflows.contracts import CLOSE_REQUEST, CloseRequestInput


class CloseRequest:
    """The activity; safe to run twice, and after the request ended by itself."""

    def __init__(
        self,
        exchanges: Exchanges,
        requests: RequestStore,
        metrics: Metrics,
        relay: Relay | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._metrics = metrics
        self._relay = relay

    @activity.defn(name=CLOSE_REQUEST)
    async def run(self, close: CloseRequestInput) -> None:
        self._exchanges.fail(close.request_id, from_status(close.status, close.kind, close.reason))
        self._exchanges.forget_if_over(close.request_id)
        cancelled = close.kind == Outcome.CANCELLED
        outcome = Outcome.CANCELLED if cancelled else Outcome.FAILED
        try:
            ended = await self._requests.fail(close.request_id, outcome, close.status, close.reason)
        except PalimpsestError as error:
            raise failure(error) from error
        if self._relay:
            await self._relay.recorded(close.request_id)
        if ended:
            self._metrics.outcomes.labels(outcome).inc()
