"""Which processes live: each says so once a second, and counts as dead after three.

After an outage of the database all are silent, the living too. Who has just been through one waits
until the others have had the time to beat again before it takes them for dead.
"""

import asyncio
import math
import time
from collections.abc import Callable

import structlog
from sqlalchemy import text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database

BEAT_SECONDS = 1.0
_BEAT_TIMEOUT = 2.0
SETTLE_SECONDS = BEAT_SECONDS + _BEAT_TIMEOUT + 1.0
"""After an outage: the longest that a living process takes to beat again, and a second more."""

_log = structlog.stdlib.get_logger()


class Heartbeat:
    """One process's sign of life, under the name it owns requests by."""

    def __init__(
        self, database: Database, owner: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._clock = clock
        self._outage_until = -math.inf
        self.owner = owner

    async def start(self, is_gone: Callable[[str], bool]) -> None:
        """The first beat. Forgets the processes that ``is_gone`` knows to be dead; if all that
        are left are silent, there may have been an outage."""
        known = await self._database.run(_OWNERS)
        gone = [row["owner"] for row in known if is_gone(row["owner"])]
        if gone:
            await self._database.run(_FORGET, {"owners": gone})
        [found] = await self._database.run(_SILENT)
        await self.beat()
        if found["silent"]:
            self._outage_until = self._clock()

    @property
    def trusts_silence(self) -> bool:
        """Whether a process that has not beaten for three seconds is dead, as far as we know."""
        return self._clock() - self._outage_until >= SETTLE_SECONDS

    async def beat(self) -> None:
        """Raises DatabaseUnavailable."""
        began = self._clock()
        try:
            await self._database.run(_BEAT, {"owner": self.owner}, timeout=_BEAT_TIMEOUT)
        except DatabaseUnavailable:
            self._outage_until = self._clock()
            raise
        if self._clock() - began > BEAT_SECONDS:
            self._outage_until = self._clock()

    async def stop(self) -> None:
        """This process has left nothing undone: nobody needs to wait for its death."""
        await self._database.run(_FORGET, {"owners": [self.owner]})

    async def run(self) -> None:
        """Beat for ever."""
        while True:
            try:
                await self.beat()
            except DatabaseUnavailable as error:
                _log.warning("a heartbeat was missed", reason=str(error))
            await asyncio.sleep(BEAT_SECONDS)


_BEAT = text("""
WITH old AS (DELETE FROM processes WHERE beat_at < now() - interval '1 day')
INSERT INTO processes (owner, beat_at) VALUES (:owner, now())
ON CONFLICT (owner) DO UPDATE SET beat_at = now()
""")
_OWNERS = text("SELECT owner FROM processes")
_FORGET = text("DELETE FROM processes WHERE owner = ANY(CAST(:owners AS text[]))")
_SILENT = text("""
SELECT COALESCE(max(beat_at) < now() - interval '3 seconds', false) AS silent FROM processes
""")
