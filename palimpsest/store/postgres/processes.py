"""The processes that own requests, with the time of their last heartbeat."""

from collections.abc import Sequence

from sqlalchemy import text

from palimpsest.store.postgres.database import Database


class ProcessStore:
    """Reads and writes heartbeats, on the database's clock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def beat(self, owner: str, timeout: float) -> None:
        """Record that a process lives now; forget those that were silent for a day. ``timeout`` in
        seconds."""
        await self._database.run(_BEAT, {"owner": owner}, timeout=timeout)

    async def list_owners(self) -> list[str]:
        """The names of all that were not removed."""
        return [row["owner"] for row in await self._database.run(_OWNERS)]

    async def remove(self, owners: Sequence[str]) -> None:
        """Forget processes that are known to have ended."""
        await self._database.run(_REMOVE, {"owners": list(owners)})

    async def are_all_silent(self) -> bool:
        """Whether there are processes, and none has beaten in the last three seconds."""
        [found] = await self._database.run(_SILENT)
        return bool(found["silent"])


_BEAT = text("""
WITH old AS (DELETE FROM processes WHERE beat_at < now() - interval '1 day')
INSERT INTO processes (owner, beat_at) VALUES (:owner, now())
ON CONFLICT (owner) DO UPDATE SET beat_at = now()
""")
_OWNERS = text("SELECT owner FROM processes")
_REMOVE = text("DELETE FROM processes WHERE owner = ANY(CAST(:owners AS text[]))")
_SILENT = text("""
SELECT COALESCE(max(beat_at) < now() - interval '3 seconds', false) AS silent FROM processes
""")
