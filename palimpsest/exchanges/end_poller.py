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
            row = await self._requests.row(request_id)
            if row["state"] == RequestState.ENDED:
                await self._give_recorded(exchange)
            elif await self._engine.has_ended(request_id):
                reason = EndCause.OPERATOR_ENDED_WORKFLOW
                if await self._requests.fail(request_id, Outcome.CANCELLED, 503, reason):
                    exchange.fail(StreamBroken(f"the request ended: {reason}"))
        except DatabaseUnavailable:
            return

    async def _give_recorded(self, exchange: Exchange) -> None:
        answer = exchange.answer
        if answer.ended or exchange.lifecycle.is_settled:
            return
        try:
            row, content = await self._requests.response(exchange.request_id)
        except NotFound:
            row = await self._requests.row(exchange.request_id)
            reason = str(row["reason"] or row["outcome"])
            exchange.fail(from_status(row["status"] or 503, "api_error", reason))
            return
        whole = row["outcome"] in (Outcome.ANSWERED, Outcome.UPSTREAM_ERROR)
        if whole and content.startswith(answer.received()):
            replay(answer, row, content)
        else:
            exchange.fail(StreamBroken(str(row["reason"] or "the answer broke off")))
