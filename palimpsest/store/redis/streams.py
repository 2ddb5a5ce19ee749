"""Redis: append-only streams of entries between processes, and a channel for short messages."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

from palimpsest.runtime.errors import RedisUnavailable

Fields = Mapping[bytes, bytes]
START = "0-0"
"""The position before the first entry of a stream."""

_TIMEOUT_SECONDS = 2.0
_CONNECTIONS = 64


class Streams:
    """Every failure of Redis is a `RedisUnavailable`; nothing is tried again here."""

    def __init__(self, url: str) -> None:
        pool = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
            url,
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )
        self._redis = Redis(connection_pool=pool)

    async def append(
        self, key: str, entries: Sequence[Fields], *, creates: bool, expires: int
    ) -> bool:
        """Add entries to a stream that lives for ``expires`` more seconds; False when there is no
        such stream and it was not to be made, so that a lost one is noticed."""
        async with _failures(_TIMEOUT_SECONDS):
            pipeline = self._redis.pipeline(transaction=True)
            for number, fields in enumerate(entries):
                must_exist = not creates or number > 0
                pipeline.xadd(key, {**fields}, nomkstream=must_exist)
            pipeline.expire(key, expires)
            replies = await pipeline.execute()
        return replies[-1] == 1

    async def wake(self, key: str) -> None:
        """Add an empty entry to a stream that keeps only the newest."""
        async with _failures(_TIMEOUT_SECONDS):
            await self._redis.xadd(key, {b"k": b"w"}, maxlen=1, approximate=False)
            await self._redis.expire(key, 3600)

    async def read(
        self, positions: Mapping[str, str], seconds: float
    ) -> list[tuple[str, list[tuple[str, Fields]]]]:
        """Of each stream the entries after a position, each with its own; waits for the first up
        to ``seconds``."""
        async with _failures(seconds + _TIMEOUT_SECONDS):
            found = cast("Any", await self._redis.xread({**positions}, block=round(seconds * 1000)))
        streams = cast("list[Any]", found.items() if isinstance(found, dict) else found or [])
        return [(key.decode(), _entries(entries)) for key, entries in streams]

    async def tell(self, channel: str, message: str) -> bool:
        """False when nobody listens."""
        async with _failures(_TIMEOUT_SECONDS):
            heard = await self._redis.publish(channel, message)  # pyright: ignore[reportUnknownMemberType]
        return heard > 0

    async def listen(self, channel: str) -> AsyncIterator[str]:
        """Messages from now on, until Redis fails."""
        listener = self._redis.pubsub()  # pyright: ignore[reportUnknownMemberType]
        try:
            async with _failures(_TIMEOUT_SECONDS):
                await listener.subscribe(channel)
            while True:
                async with _failures(None):
                    found = cast(
                        "Any",
                        await listener.get_message(ignore_subscribe_messages=True, timeout=None),
                    )
                if found is not None:
                    yield found["data"].decode()
        finally:
            await listener.aclose()

    async def agree(self, key: str, value: str, seconds: int) -> str:
        """The value that all processes go by: ``value`` where there is none; kept so long."""
        async with _failures(_TIMEOUT_SECONDS):
            await self._redis.set(key, value, nx=True, ex=seconds)
            held = cast("Any", await self._redis.getex(key, ex=seconds))
        return held.decode() if held else value

    async def close(self) -> None:
        await self._redis.aclose()
        await self._redis.connection_pool.disconnect()


def _entries(replies: Any) -> list[tuple[str, Fields]]:
    # The newer protocol has one more list around the entries of a stream.
    if len(replies) == 1 and isinstance(replies[0], list):
        replies = replies[0]
    return [(position.decode(), fields) for position, fields in replies]


@asynccontextmanager
async def _failures(timeout: float | None) -> AsyncGenerator[None]:
    try:
        async with asyncio.timeout(timeout):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisUnavailable(f"Redis: {str(error) or type(error).__name__}") from error
