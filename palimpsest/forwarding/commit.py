"""Committing the end of a request, whatever the database does meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from palimpsest.forwarding.model import Settlement
from palimpsest.runtime.errors import DatabaseUnavailable, Fenced
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill

PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 0.25

_log = structlog.stdlib.get_logger()


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
            await asyncio.to_thread(self._spill.write, end)
            _log.warning("the end was put on disk until the database is back")
            release()
            await self._settle(end)
            await asyncio.to_thread(self._spill.remove, end.request_id)
        release()

    async def _settle(self, end: Settlement) -> None:
        """Try until the database takes it."""
        while True:
            try:
                if await self._store.settle(end):
                    return
            except DatabaseUnavailable as error:
                _log.warning("settlement waits", reason=str(error))
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                raise Fenced("the request was ended elsewhere")


async def commit_spilled(spill: Spill, requests: RequestStore, request_id: str = "*") -> None:
    """Commit the ends that wait on disk, or that of one request; raises DatabaseUnavailable."""
    for end in await asyncio.to_thread(spill.read, request_id):
        if not await requests.settle(end):
            _log.warning("a spilled end came too late", request_id=end.request_id)
        await asyncio.to_thread(spill.remove, end.request_id)
