"""Clients that leave: their call goes on for a while, since many come back for the answer."""

import asyncio
import math

import structlog

from errors import DatabaseUnavailable
from providers.exchange import Exchange, Exchanges
from store.requests import RequestStore

_log = structlog.stdlib.get_logger()


class Departures:
    """Forgets exchanges whose call is over, and gives up the others after ``grace`` seconds."""

    def __init__(self, exchanges: Exchanges, requests: RequestStore, grace: float) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._grace = grace
        self._waiting: set[asyncio.Task[None]] = set()

    def left(self, exchange: Exchange) -> None:
        """The client of this exchange has gone before the end of its answer."""
        task = asyncio.create_task(self._see_off(exchange))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _see_off(self, exchange: Exchange) -> None:
        _log.info("client left", grace=self._grace)
        grace = None if math.isinf(self._grace) else self._grace
        try:
            async with asyncio.timeout(grace):
                async for _ in exchange.answer.read(None):
                    pass
        except TimeoutError:
            await self._give_up(exchange)
        finally:
            self.done(exchange)

    async def _give_up(self, exchange: Exchange) -> None:
        exchange.give_up()
        if exchange.call:
            await asyncio.wait({exchange.call})
        # Where no call has settled it: the row that has ended keeps the next one from being made.
        try:
            await self._requests.fail(exchange.request_id, "abandoned", 499, "the client left")
        except DatabaseUnavailable as error:
            _log.warning("the client's leaving could not be recorded", reason=str(error))

    def done(self, exchange: Exchange) -> None:
        """Nobody reads this exchange's answer any more; keep it while its call settles."""
        if exchange.call and not exchange.call.done():
            exchange.call.add_done_callback(lambda _: self._exchanges.forget(exchange.request_id))
        else:
            self._exchanges.forget(exchange.request_id)
