"""Which processes live: each says so once a second, and counts as dead after three."""

import asyncio

import structlog
from sqlalchemy import text

from errors import DatabaseUnavailable
from store.database import Database

BEAT_SECONDS = 1.0

_log = structlog.stdlib.get_logger()


class Heart:
    """One process's sign of life, under the name it owns requests by."""

    def __init__(self, database: Database, owner: str) -> None:
        self._database = database
        self.owner = owner

    async def beat(self) -> None:
        await self._database.run(_BEAT, {"owner": self.owner})

    async def stop(self) -> None:
        """This process has left nothing undone: nobody needs to wait for its death."""
        await self._database.run(_STOP, {"owner": self.owner})

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
_STOP = text("DELETE FROM processes WHERE owner = :owner")
