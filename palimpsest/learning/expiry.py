"""Deletes lessons that have gone stale."""

import asyncio
from datetime import UTC, datetime

import structlog

from palimpsest.learning.decay import is_stale
from palimpsest.memory.model import Kind, MemoryFilter, PageMark
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.memories import MemoryStore

_EVERY_SECONDS = 6 * 3600.0
_FIRST_AFTER_SECONDS = 120.0
_PAGE = 200

_log = structlog.stdlib.get_logger()


class Expiry:
    """A loop that every process runs; several at once do no harm."""

    def __init__(self, memories: MemoryStore) -> None:
        self._memories = memories

    async def run(self) -> None:
        """Expires lessons for ever, a few times a day."""
        await asyncio.sleep(_FIRST_AFTER_SECONDS)
        while True:
            try:
                await self.expire(datetime.now(UTC))
            except DatabaseUnavailable as error:
                _log.warning("expiry waits", reason=str(error))
            await asyncio.sleep(_EVERY_SECONDS)

    async def expire(self, now: datetime) -> int:
        """Deletes the stale lessons and returns their number. They may be learned again."""
        return sum([await self._expire_kind(kind, now) for kind in (Kind.PATTERN, Kind.FIX)])

    async def _expire_kind(self, kind: Kind, now: datetime) -> int:
        gone = 0
        after: PageMark | None = None
        while page := await self._memories.list_page(
            MemoryFilter(kind=kind), limit=_PAGE, after=after
        ):
            stale = tuple(memory.id for memory in page if is_stale(memory, now))
            if stale:
                gone += len(await self._memories.forget(MemoryFilter(ids=stale), final=False))
            after = PageMark(page[-1].said_at, page[-1].id)
        return gone
