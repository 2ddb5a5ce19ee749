"""Clients that leave: their call goes on for a while, since many come back for the answer."""

import asyncio
import math
from contextlib import suppress
from functools import partial

import structlog

from api.connection import Connection
from palimpsest.exchanges.deliveries import Deliveries
from palimpsest.exchanges.exchange import Exchange, Exchanges
from palimpsest.exchanges.model import EndCause, Outcome, RequestState
from palimpsest.relay.control import Control
from palimpsest.runtime.errors import DatabaseUnavailable, Unavailable
from palimpsest.store.postgres.requests import RequestStore

_ASK_AGAIN_SECONDS = 1.0

_log = structlog.stdlib.get_logger()


class Departures:
    """Gives up an exchange that nobody reads after ``grace`` seconds; ``edge`` is this process,
    ``control`` reaches those that call in its stead."""

    def __init__(
        self,
        exchanges: Exchanges,
        requests: RequestStore,
        deliveries: Deliveries,
        edge: str,
        grace: float,
        control: Control | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._deliveries = deliveries
        self._edge = edge
        self._control = control
        self._grace = None if math.isinf(grace) else grace
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def answered(self, exchange: Exchange, connection: Connection) -> None:
        """A client was handed the whole of what there is."""
        exchange.clients -= 1
        if exchange.answer.error is None:
            self._deliveries.drained(exchange.request_id, connection)
        self._exchanges.forget_if_over(exchange.request_id)

    def left(self, exchange: Exchange) -> None:
        """A client has gone before the end of its answer."""
        exchange.clients -= 1
        if not exchange.clients:
            earlier = self._waiting.get(exchange.request_id)
            if earlier:
                # Who came back and left again has the whole grace once more.
                earlier.cancel()
            task = asyncio.create_task(self._see_off(exchange))
            self._waiting[exchange.request_id] = task
            task.add_done_callback(partial(self._seen_off, exchange.request_id))

    def _seen_off(self, request_id: str, task: asyncio.Task[None]) -> None:
        if self._waiting.get(request_id) is task:
            del self._waiting[request_id]

    async def _see_off(self, exchange: Exchange) -> None:
        _log.info("client left", grace=self._grace)
        if self._grace != 0 or self._control:
            await self._record(exchange)
        try:
            async with asyncio.timeout(self._grace):
                await exchange.answer.over()
        except TimeoutError:
            # A client that came back in time, or a call that outlived its own edge, goes on.
            if not exchange.clients and not exchange.recovered:
                await self._give_up(exchange)
        self._exchanges.forget_if_over(exchange.request_id)

    def refused(self, request_id: str, status: int, reason: str) -> None:
        """A client was refused while the database was away, which may have taken the request all
        the same: it ends as soon as the database is back, so that nobody carries it out."""
        task = asyncio.create_task(self._end_when_back(request_id, status, reason))
        self._waiting[request_id] = task
        task.add_done_callback(partial(self._seen_off, request_id))

    async def _end_when_back(self, request_id: str, status: int, reason: str) -> None:
        while True:
            try:
                await self._requests.fail(request_id, Outcome.FAILED, status, reason)
            except DatabaseUnavailable:
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
            else:
                return

    async def _record(self, exchange: Exchange) -> None:
        try:
            await self._requests.client(exchange.request_id, self._edge, gone=True)
        except DatabaseUnavailable as error:
            _log.warning("the client's leaving could not be recorded", reason=str(error))

    async def _give_up(self, exchange: Exchange) -> None:
        exchange.give_up()
        if self._control:
            await self._stop_elsewhere(exchange, self._control)
            return
        if exchange.call:
            await asyncio.wait({exchange.call})
        # Where no call has settled it: the row that has ended keeps the next one from being made.
        exchange.answer.fail(Unavailable(EndCause.CLIENT_LEFT))
        try:
            await self._requests.fail(
                exchange.request_id, Outcome.ABANDONED, 499, EndCause.CLIENT_LEFT
            )
        except DatabaseUnavailable as error:
            _log.warning("the client's leaving could not be recorded", reason=str(error))

    async def _stop_elsewhere(self, exchange: Exchange, control: Control) -> None:
        """Ask whoever calls to stop, until that is on record; end a request nobody calls for."""
        recorded = False
        while not exchange.answer.ended:
            try:
                back = self._exchanges.get(exchange.request_id) is not exchange
                if not back and not recorded:
                    # The database may have been away when it left.
                    await self._requests.client(exchange.request_id, self._edge, gone=True)
                    recorded = True
                if back or await self._is_settled(exchange.request_id):
                    exchange.answer.fail(Unavailable(EndCause.CLIENT_LEFT))
                    return
            except DatabaseUnavailable as error:
                _log.warning("a call cannot be stopped now", reason=str(error))
            await control.give_up(exchange.request_id)
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_AGAIN_SECONDS):
                    await exchange.answer.over()

    async def _is_settled(self, request_id: str) -> bool:
        """Whether nothing is left to stop: it has ended, or its client came to another edge."""
        held = await self._requests.held(request_id)
        if held is None or held.state == RequestState.ENDED:
            return True
        if held.edge != self._edge or not held.client_gone:
            return True
        return not held.calling and await self._requests.fail(
            request_id, Outcome.ABANDONED, 499, EndCause.CLIENT_LEFT, fence=held.fence
        )
