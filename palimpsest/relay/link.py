"""What ties the processes of one installation together, where there are several: Redis."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from palimpsest.exchanges.exchange import Exchanges
from palimpsest.relay.control import Control
from palimpsest.relay.publisher import Relay
from palimpsest.relay.subscriber import Following
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.redis.shared_key import SharedKey
from palimpsest.store.redis.streams import Streams


@dataclass(frozen=True, slots=True)
class Link:
    """``following`` is an edge's; a process that calls for edges has none."""

    relay: Relay
    control: Control
    following: Following | None = None


@asynccontextmanager
async def link(
    url: str, vault_key: bytes, exchanges: Exchanges, requests: RequestStore, edge: str | None
) -> AsyncGenerator[Link]:
    """A link that is up while Redis is; ``edge`` names this process if it is one. Raises
    StartupFailed when the other processes have another vault key."""
    streams = Streams(url)
    tasks: list[asyncio.Task[None]] = []
    try:
        shared_key = SharedKey(streams, vault_key)
        await shared_key.check()
        following = Following(streams, requests, edge) if edge else None
        made = Link(Relay(streams), Control(streams, exchanges), following)
        listening = following.run() if following else made.control.run()
        tasks = [asyncio.create_task(loop) for loop in (shared_key.run(), listening)]
        yield made
        await made.relay.close()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await streams.close()
