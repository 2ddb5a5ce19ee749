"""End a request that got no answer: on record, and for the client that waits for it."""

from temporalio import activity

from activities.failures import failure
from errors import PalimpsestError, from_status
from metrics import Metrics
from providers.exchange import Exchanges
from providers.relay import Relay
from store.requests import RequestStore
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
        outcome = "cancelled" if close.kind == "cancelled" else "failed"
        try:
            ended = await self._requests.fail(close.request_id, outcome, close.status, close.reason)
        except PalimpsestError as error:
            raise failure(error) from error
        if self._relay:
            await self._relay.recorded(close.request_id)
        if ended:
            self._metrics.outcomes.labels(outcome).inc()
