"""Subscribes to the answers that this process waits for: one blocking read of all their streams."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress

import structlog

from palimpsest.exchanges.answer import Answer
from palimpsest.relay.assembler import AnswerAssembler
from palimpsest.relay.entries import from_fields, key_of
from palimpsest.runtime.errors import DatabaseUnavailable, RedisUnavailable, StreamBroken
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.redis.streams import START, Streams

_BLOCK_SECONDS = 2.0
_PAUSE = 0.2
_QUIET_SECONDS = 6.0

_log = structlog.stdlib.get_logger()


class _Subscription:
    """One stream: who reads it, and from where on."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.position = START
        self.assemblers: list[AnswerAssembler] = []
        self.heard = time.monotonic()


class Subscriber:
    """Writes the answers of other processes here as their streams grow; ``edge`` names this
    process."""

    def __init__(self, streams: Streams, requests: RequestStore, edge: str) -> None:
        self._streams = streams
        self._requests = requests
        self._edge = edge
        self._wake_key = f"palimpsest:wake:{edge}"
        self._wake_position = START
        self._woken = False
        self._down = False
        self._subscriptions: dict[str, _Subscription] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def subscribe(self, request_id: str, answer: Answer) -> None:
        """Write ``answer`` from the request's stream, from its start, until it has ended."""
        subscription = self._subscriptions.setdefault(key_of(request_id), _Subscription(request_id))
        subscription.assemblers.append(AnswerAssembler(answer))
        subscription.position = START
        if not self._woken:
            # The read under way does not know of this stream.
            self._woken = True
            self._spawn(self._wake())

    def should_poll(self, request_id: str) -> bool:
        """Whether to look for the request in the database: its stream is silent, or has gaps, or
        Redis is away. True once, then again after the same silence."""
        subscription = self._subscriptions.get(key_of(request_id))
        if subscription is None or self._down:
            return True
        now = time.monotonic()
        lacks = any(assembler.lacks_entries for assembler in subscription.assemblers)
        if not lacks and now - subscription.heard < _QUIET_SECONDS:
            return False
        subscription.heard = now
        for assembler in subscription.assemblers:
            assembler.lacks_entries = False
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
        positions = {
            key: subscription.position for key, subscription in self._subscriptions.items()
        }
        positions[self._wake_key] = self._wake_position
        for key, entries in await self._streams.read(positions, _BLOCK_SECONDS):
            if key == self._wake_key:
                self._wake_position = entries[-1][0]
                continue
            subscription = self._subscriptions[key]
            # A reader that came meanwhile needs them from the start.
            if subscription.position == positions[key]:
                subscription.position = entries[-1][0]
            subscription.heard = time.monotonic()
            read = [from_fields(fields) for _, fields in entries]
            for assembler in subscription.assemblers:
                assembler.feed(read)
                if assembler.broken:
                    self._spawn(self._break_off(subscription.request_id, assembler.answer))

    def _drop_ended(self) -> None:
        for key, subscription in list(self._subscriptions.items()):
            subscription.assemblers = [
                assembler
                for assembler in subscription.assemblers
                if not assembler.answer.ended and not assembler.broken
            ]
            if not subscription.assemblers:
                del self._subscriptions[key]

    def _from_the_start(self) -> None:
        """A Redis that was away may be another one, with other positions."""
        self._wake_position = START
        for subscription in self._subscriptions.values():
            subscription.position = START

    async def _break_off(self, request_id: str, answer: Answer) -> None:
        """Its client's re-send is to find that nobody waits here."""
        with suppress(DatabaseUnavailable):
            await self._requests.record_client_left(request_id, self._edge)
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
