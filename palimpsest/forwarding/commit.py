"""The commit of an end: whatever the database does meanwhile, and as much as it takes of it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog

from palimpsest.exchanges.byte_log import MEMORY_BYTES
from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import Settlement
from palimpsest.runtime.errors import DatabaseUnavailable, Fenced, Unstorable
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill

PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.25
_SHAPES = 3

_log = structlog.stdlib.get_logger()


class LargeEnds:
    """Ends whose answers are large, one at a time: each is read back as a whole to be recorded. One
    that has waited for long enough goes on beside the others."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    @asynccontextmanager
    async def turn(self, size: int) -> AsyncGenerator[None]:
        """The turn of an end with so many bytes."""
        is_mine = False
        if size > MEMORY_BYTES:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_SECONDS):
                    is_mine = await self._turn.acquire()
        try:
            yield
        finally:
            if is_mine:
                self._turn.release()


class EndCommit:
    """Commits ends, or keeps them on disk until they can be committed."""

    def __init__(self, store: RequestStore, spill: Spill) -> None:
        self._store = store
        self._spill = spill

    async def commit(
        self, end: Settlement, before: Awaitable[None], release: Callable[[], None]
    ) -> None:
        """Commit ``end`` once ``before`` is over, then ``release`` it to the client.

        When the database is away for too long, the client has its end from the disk on; the
        engine, when the database has it, so that nobody takes the request for one whose workflow
        ended without an answer. Raises Fenced when the request was ended elsewhere.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await before
                await self._settle(end)
        except TimeoutError:
            await self._wait_on_disk(end, release)
        release()

    async def _wait_on_disk(self, end: Settlement, release: Callable[[], None]) -> None:
        """A disk that takes nothing either leaves the client waiting for the database, as nothing
        else is durable."""
        try:
            await asyncio.to_thread(self._spill.write, end)
        except OSError as error:
            _log.warning("the end cannot be put on disk", reason=str(error))
            await self._settle(end)
            return
        _log.warning("the end was put on disk until the database is back")
        release()
        await self._settle(end)
        await asyncio.to_thread(self._spill.remove, end.request_id)

    async def _settle(self, end: Settlement) -> None:
        """Try until the database takes it."""
        while True:
            try:
                if await settle_storable(self._store, end):
                    return
            except DatabaseUnavailable as error:
                _log.warning("settlement waits", reason=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                raise Fenced("the request was ended elsewhere")


async def settle_storable(store: RequestStore, end: Settlement) -> bool:
    """Commit as much of an end as the database takes: an answer is never lost to what is told
    beside it. False when the request had ended; raises DatabaseUnavailable."""
    for _ in range(_SHAPES):
        try:
            return await store.settle(end)
        except DatabaseUnavailable:
            raise
        except Unstorable as error:
            _log.warning("an end is recorded without what cannot be stored", reason=str(error))
            end = _less(end, str(error))
        except Exception as error:
            _log.exception("a bug")
            end = _less(end, repr(error))
    return await store.end_without_answer(end.request_id, Outcome.FAILED, 500, end.reason or "")


def _less(end: Settlement, why: str) -> Settlement:
    """Without what the provider reported, then without its place in a conversation too."""
    bare = end.without_report(why)
    return bare.without_conversation() if end.is_bare else bare


async def commit_spilled(spill: Spill, requests: RequestStore, request_id: str = "*") -> None:
    """Commit the ends that wait on disk, or that of one request; raises DatabaseUnavailable."""
    for end in await asyncio.to_thread(spill.read, request_id):
        if not await settle_storable(requests, end):
            _log.warning("a spilled end came too late", request_id=end.request_id)
        await asyncio.to_thread(spill.remove, end.request_id)
