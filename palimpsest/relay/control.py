"""Telling the process that calls for a request that nobody waits for it any more."""

import asyncio

import structlog

from palimpsest.exchanges.exchange import Exchanges
from palimpsest.runtime.errors import RedisUnavailable
from palimpsest.store.redis.streams import Streams

CHANNEL = "palimpsest:control"
_PAUSE = 0.5

_log = structlog.stdlib.get_logger()


class Control:
    """A message is the id of a request to give up; who does not call for it lets it pass."""

    def __init__(self, streams: Streams, exchanges: Exchanges) -> None:
        self._streams = streams
        self._exchanges = exchanges

    async def give_up(self, request_id: str) -> None:
        """Ask for it; it may be lost, so look what came of it and ask again."""
        try:
            await self._streams.tell(CHANNEL, request_id)
        except RedisUnavailable as error:
            _log.warning("a call cannot be stopped now", reason=str(error))

    async def run(self) -> None:
        """Listen for ever."""
        while True:
            try:
                async for request_id in self._streams.listen(CHANNEL):
                    exchange = self._exchanges.get(request_id)
                    if exchange:
                        exchange.give_up()
            except RedisUnavailable as error:
                _log.warning("nobody can stop our calls now", reason=str(error))
            await asyncio.sleep(_PAUSE)
