"""The journal: an answer's bytes as they arrive, in the database, a few at a time."""

import asyncio
from contextlib import suppress

from sqlalchemy import text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database

FLUSH_BYTES = 8 * 1024
FLUSH_SECONDS = 0.25


class Journal:
    """Appends and reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, request_id: str, fence: int, position: int, data: bytes) -> bool:
        """False when the request has ended or another process carries it now."""
        values = {"id": request_id, "fence": fence, "position": position, "data": data}
        return bool(await self._database.run(_APPEND, values))

    async def read_content(self, request_id: str, *, fence: int | None = None) -> bytes:
        """What the attempt of that fence has received so far; by default the newest."""
        rows = await self._database.run(_READ, {"id": request_id, "fence": fence})
        return b"".join(row["data"] for row in rows)


class JournalWriter:
    """Writes one attempt's bytes behind its back; ``fenced`` is set when it lost its lease."""

    def __init__(self, journal: Journal, request_id: str, fence: int) -> None:
        self._journal = journal
        self._request_id = request_id
        self._fence = fence
        self._pending = bytearray()
        self._position = 0
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self.fenced = asyncio.Event()
        self.wrote = False

    def write(self, chunk: bytes) -> None:
        """Take a chunk; it is written within `FLUSH_SECONDS`, or once there are `FLUSH_BYTES`."""
        self._pending += chunk
        if len(self._pending) >= FLUSH_BYTES:
            self._write_now()
        elif self._timer is None:
            # Most answers end before this: a timer is cheaper than a task.
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._write_now)

    def _write_now(self) -> None:
        self._full.set()
        if self._task is None and not self._closing:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop writing, once a write under way is over; the settlement holds the whole answer."""
        self._closing = True
        self._full.set()
        if self._timer:
            self._timer.cancel()
        if self._task:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while not self.fenced.is_set() and not self._closing:
            with suppress(TimeoutError):
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._full.wait()
            self._full.clear()
            if self._pending and not self._closing:
                await self._flush()

    async def _flush(self) -> None:
        data = bytes(self._pending)
        self.wrote = True
        try:
            held = await self._journal.append(self._request_id, self._fence, self._position, data)
        except DatabaseUnavailable:
            return
        if held:
            self._position += len(data)
            del self._pending[: len(data)]
        else:
            self.fenced.set()


_APPEND = text("""
INSERT INTO journal (request_id, fence, position, data)
SELECT id, fence, :position, :data FROM requests
WHERE id = :id AND fence = :fence AND state <> 'ended'
ON CONFLICT (request_id, fence, position) DO UPDATE SET data = excluded.data
RETURNING position
""")
_READ = text("""
SELECT data FROM journal WHERE request_id = :id
    AND fence = COALESCE(CAST(:fence AS int), (SELECT fence FROM requests WHERE id = :id))
ORDER BY position
""")
