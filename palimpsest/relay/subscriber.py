"""The read side of all answers that this process waits for: one blocking read of their streams."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress

import structlog

from palimpsest.exchanges.answer import Answer
from palimpsest.relay.entries import from_fields, key_of
from palimpsest.relay.follower import Follower
from palimpsest.runtime.errors import DatabaseUnavailable, RedisUnavailable, StreamBroken
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.redis.streams import START, Streams

_BLOCK_SECONDS = 2.0
_PAUSE = 0.2
_QUIET_SECONDS = 6.0

_log = structlog.stdlib.get_logger()


class _Followed:
    """One stream: who reads it, and from where on."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.position = START
        self.followers: list[Follower] = []
        self.heard = time.monotonic()


class Following:
    """``edge`` names this process."""

    def __init__(self, streams: Streams, requests: RequestStore, edge: str) -> None:
        self._streams = streams
        self._requests = requests
        self._edge = edge
        self._wake_key = f"palimpsest:wake:{edge}"
        self._wake_position = START
        self._woken = False
        self._down = False
        self._followed: dict[str, _Followed] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def follow(self, request_id: str, answer: Answer) -> None:
        """Write ``answer`` from the request's stream, from its start, until it has ended."""
        followed = self._followed.setdefault(key_of(request_id), _Followed(request_id))
        followed.followers.append(Follower(answer))
        followed.position = START
        if not self._woken:
            # The read under way does not know of this stream.
            self._woken = True
            self._spawn(self._wake())

    def quiet(self, request_id: str) -> bool:
        """Whether to look for the request in the database: its stream is silent, or has gaps, or
        Redis is away. True once, then again after the same silence."""
        followed = self._followed.get(key_of(request_id))
        if followed is None or self._down:
            return True
        now = time.monotonic()
        lacks = any(follower.must_look for follower in followed.followers)
        if not lacks and now - followed.heard < _QUIET_SECONDS:
            return False
        followed.heard = now
        for follower in followed.followers:
            follower.must_look = False
        return True

    async def run(self) -> None:
        """Read for ever."""
        while True:
            try:
                await self._read()
                self._down = False
            except RedisUnavailable as error:
                if not self._down:
                    _log.warning("answers of other processes do not come now", reason=str(error))
                self._down = True
                self._from_the_start()
                await asyncio.sleep(_PAUSE)

    async def _read(self) -> None:
        self._drop_ended()
        self._woken = False
        positions = {key: followed.position for key, followed in self._followed.items()}
        positions[self._wake_key] = self._wake_position
        for key, entries in await self._streams.read(positions, _BLOCK_SECONDS):
            if key == self._wake_key:
                self._wake_position = entries[-1][0]
                continue
            followed = self._followed[key]
            # A reader that came meanwhile needs them from the start.
            if followed.position == positions[key]:
                followed.position = entries[-1][0]
            followed.heard = time.monotonic()
            read = [from_fields(fields) for _, fields in entries]
            for follower in followed.followers:
                follower.feed(read)
                if follower.broken:
                    self._spawn(self._break_off(followed.request_id, follower.answer))

    def _drop_ended(self) -> None:
        for key, followed in list(self._followed.items()):
            followed.followers = [
                follower
                for follower in followed.followers
                if not follower.answer.ended and not follower.broken
            ]
            if not followed.followers:
                del self._followed[key]

    def _from_the_start(self) -> None:
        """A Redis that was away may be another one, with other positions."""
        self._wake_position = START
        for followed in self._followed.values():
            followed.position = START

    async def _break_off(self, request_id: str, answer: Answer) -> None:
        """Its client's re-send is to find that nobody waits here."""
        with suppress(DatabaseUnavailable):
            await self._requests.client(request_id, self._edge, gone=True)
        answer.fail(
            StreamBroken("the process that streamed this answer was lost; send the request again")
        )

    async def _wake(self) -> None:
        # Without it the new stream is read after the read under way, at most two seconds later.
        with suppress(RedisUnavailable):
            await self._streams.wake(self._wake_key)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
