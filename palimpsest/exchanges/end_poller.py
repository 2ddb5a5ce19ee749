"""Polls for the end of a request whose answer does not come: it may have ended elsewhere."""

from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import EndCause, Outcome, RequestState
from palimpsest.exchanges.peers import AnswerSource, Engine
from palimpsest.exchanges.recorded_answer import replay
from palimpsest.runtime.errors import DatabaseUnavailable, NotFound, StreamBroken, from_status
from palimpsest.store.postgres.requests import RequestStore


class EndPoller:
    """Asks database and engine; ``source`` brings the answers of other processes."""

    def __init__(
        self, requests: RequestStore, engine: Engine, source: AnswerSource | None = None
    ) -> None:
        self._requests = requests
        self._engine = engine
        self._source = source

    async def poll(self, exchange: Exchange) -> None:
        """Give the client what another process recorded; notice a workflow that was ended. While
        another process streams to us there is nothing to ask for."""
        request_id = exchange.request_id
        if self._source and not self._source.should_poll(request_id):
            return
        try:
            record = await self._requests.read_request(request_id)
            if record.state is RequestState.ENDED:
                await self._give_recorded(exchange)
            elif await self._engine.has_ended(request_id):
                reason = EndCause.OPERATOR_ENDED_WORKFLOW
                if await self._requests.end_without_answer(
                    request_id, Outcome.CANCELLED, 503, reason
                ):
                    exchange.fail(StreamBroken(f"the request ended: {reason}"))
        except DatabaseUnavailable:
            return

    async def _give_recorded(self, exchange: Exchange) -> None:
        answer = exchange.answer
        if answer.ended or exchange.lifecycle.is_settled:
            return
        try:
            recorded = await self._requests.read_answer(exchange.request_id)
        except NotFound:
            record = await self._requests.read_request(exchange.request_id)
            reason = str(record.reason or record.outcome)
            exchange.fail(from_status(record.status or 503, "api_error", reason))
            return
        record = recorded.request
        whole = record.outcome in (Outcome.ANSWERED, Outcome.UPSTREAM_ERROR)
        if whole and recorded.content.startswith(answer.received()):
            replay(answer, recorded)
        else:
            exchange.fail(StreamBroken(str(record.reason or "the answer broke off")))
