"""Clients that leave: their call goes on for a while, since many come back for the answer."""

import asyncio
import math
from functools import partial

import structlog

from api.connection import Connection
from api.deliveries import Deliveries
from errors import DatabaseUnavailable, Unavailable
from providers.exchange import Exchange, Exchanges
from store.requests import RequestStore

_log = structlog.stdlib.get_logger()


class Departures:
    """Gives up an exchange that nobody reads after ``grace`` seconds; ``edge`` is this process."""

    def __init__(
        self,
        exchanges: Exchanges,
        requests: RequestStore,
        deliveries: Deliveries,
        edge: str,
        grace: float,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._deliveries = deliveries
        self._edge = edge
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
        if self._grace != 0:
            await self._record(exchange)
        try:
            async with asyncio.timeout(self._grace):
                await exchange.answer.over()
        except TimeoutError:
            # A client that came back in time, or a call that outlived its own edge, goes on.
            if not exchange.clients and not exchange.recovered:
                await self._give_up(exchange)
        self._exchanges.forget_if_over(exchange.request_id)

    async def _record(self, exchange: Exchange) -> None:
        try:
            await self._requests.client(exchange.request_id, self._edge, gone=True)
        except DatabaseUnavailable as error:
            _log.warning("the client's leaving could not be recorded", reason=str(error))

    async def _give_up(self, exchange: Exchange) -> None:
        exchange.give_up()
        if exchange.call is None or exchange.call.done():
            # Between two attempts: the row that has ended keeps the next one from being made.
            exchange.answer.fail(Unavailable("the client left"))
            try:
                await self._requests.fail(exchange.request_id, "abandoned", 499, "the client left")
            except DatabaseUnavailable as error:
                _log.warning("the client's leaving could not be recorded", reason=str(error))
