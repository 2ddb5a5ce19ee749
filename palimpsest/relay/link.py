"""The link between the processes of one installation, where there are several: Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from palimpsest.exchanges.exchange import StopCause
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.relay.publisher import Publisher
from palimpsest.relay.subscriber import Subscriber
from palimpsest.runtime.errors import RedisUnavailable
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.redis.shared_key import SharedKey
from palimpsest.store.redis.streams import Streams

CHANNEL = "palimpsest:control"
_PAUSE = 0.5

_log = structlog.stdlib.get_logger()


class StopChannel:
    """Tells the process that calls for a request that nobody waits for it any more. A message is
    the request's id; who does not call for it lets it pass."""

    def __init__(self, streams: Streams, exchanges: ExchangeRegistry) -> None:
        self._streams = streams
        self._exchanges = exchanges

    async def request_stop(self, request_id: str) -> None:
        """Ask for it; the message may be lost, so look what came of it and ask again."""
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
                        exchange.stop(StopCause.CLIENT_LEFT)
            except RedisUnavailable as error:
                _log.warning("nobody can stop our calls now", reason=str(error))
            await asyncio.sleep(_PAUSE)


@dataclass(frozen=True, slots=True)
class Link:
    """``subscriber`` is an edge's; a process that calls for edges has none."""

    publisher: Publisher
    stop_channel: StopChannel
    subscriber: Subscriber | None = None


@asynccontextmanager
async def open_link(
    url: str,
    vault_key: bytes,
    exchanges: ExchangeRegistry,
    requests: RequestStore,
    edge: str | None,
) -> AsyncGenerator[Link]:
    """A link that is up while Redis is; ``edge`` names this process if it is one. Raises
    StartupFailed when the other processes have another vault key."""
    streams = Streams(url)
    tasks: list[asyncio.Task[None]] = []
    try:
        shared_key = SharedKey(streams, vault_key)
        await shared_key.check()
        subscriber = Subscriber(streams, requests, edge) if edge else None
        link = Link(Publisher(streams), StopChannel(streams, exchanges), subscriber)
        listening = subscriber.run() if subscriber else link.stop_channel.run()
        tasks = [asyncio.create_task(loop) for loop in (shared_key.run(), listening)]
        yield link
        await link.publisher.close()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await streams.close()
