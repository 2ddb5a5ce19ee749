"""Heartbeats: each process beats once a second, and counts as dead after three silent ones.

After an outage of the database all are silent, the living too. A process that has just been through
one waits until the others have had the time to beat again before it takes them for dead.
"""

import asyncio
import math
import time
from collections.abc import Callable

import structlog

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.processes import ProcessStore

BEAT_SECONDS = 1.0
_BEAT_TIMEOUT = 2.0
SETTLE_SECONDS = BEAT_SECONDS + _BEAT_TIMEOUT + 1.0
"""After an outage: the longest that a living process takes to beat again, and a second more."""

_log = structlog.stdlib.get_logger()


class Heartbeat:
    """The heartbeat of one process, under the name that it owns requests by."""

    def __init__(
        self, database: Database, owner: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._processes = ProcessStore(database)
        self._clock = clock
        self._outage_until = -math.inf
        self.owner = owner

    async def start(self, is_gone: Callable[[str], bool]) -> None:
        """Beat for the first time. Forgets the processes that ``is_gone`` knows to be dead; if all
        that are left are silent, there may have been an outage."""
        gone = [owner for owner in await self._processes.list_owners() if is_gone(owner)]
        if gone:
            await self._processes.remove(gone)
        silent = await self._processes.are_all_silent()
        await self.beat()
        if silent:
            self._outage_until = self._clock()

    @property
    def trusts_silence(self) -> bool:
        """Whether a process that has not beaten for three seconds is dead, as far as we know."""
        return self._clock() - self._outage_until >= SETTLE_SECONDS

    async def beat(self) -> None:
        """Beat once; raises DatabaseUnavailable."""
        began = self._clock()
        try:
            await self._processes.beat(self.owner, timeout=_BEAT_TIMEOUT)
        except DatabaseUnavailable:
            self._outage_until = self._clock()
            raise
        if self._clock() - began > BEAT_SECONDS:
            self._outage_until = self._clock()

    async def stop(self) -> None:
        """Remove this process, which has left nothing undone: nobody waits for its death."""
        await self._processes.remove([self.owner])

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            try:
                await self.beat()
            except DatabaseUnavailable as error:
                _log.warning("a heartbeat was missed", reason=str(error))
            await asyncio.sleep(BEAT_SECONDS)
