"""The journal: an answer's bytes as they arrive, in the database, a few at a time."""

import asyncio
from contextlib import suppress
from typing import Protocol

from sqlalchemy import text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database

FLUSH_BYTES = 8 * 1024
FLUSH_SECONDS = 0.25
MOST_BYTES = 256 * 1024
"""Of one write."""


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


class Received(Protocol):
    """An answer's bytes so far, as somebody else keeps them."""

    def __len__(self) -> int: ...

    def read(self, offset: int, size: int, /) -> bytes:
        """At most ``size`` bytes from ``offset`` on."""
        ...


class JournalWriter:
    """Writes one attempt's bytes behind its back; ``fenced`` is set when it lost its lease. It
    holds none of them: however far the database is behind, it reads on where it stopped."""

    def __init__(self, journal: Journal, request_id: str, fence: int, received: Received) -> None:
        self._journal = journal
        self._request_id = request_id
        self._fence = fence
        self._received = received
        self._position = 0
        self._full = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self.fenced = asyncio.Event()
        self.wrote = False

    def note(self) -> None:
        """More was received; it is written within `FLUSH_SECONDS`, or once there are
        `FLUSH_BYTES`."""
        if self._waiting >= FLUSH_BYTES:
            self._write_now()
        elif self._timer is None:
            # Most answers end before this: a timer is cheaper than a task.
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._write_now)

    @property
    def _waiting(self) -> int:
        return len(self._received) - self._position

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
            while self._waiting and not self._closing and await self._flush():
                pass

    async def _flush(self) -> bool:
        """Write the next piece; False where the next one has to wait."""
        data = self._received.read(self._position, MOST_BYTES)
        self.wrote = True
        try:
            held = await self._journal.append(self._request_id, self._fence, self._position, data)
        except DatabaseUnavailable:
            return False
        if not held:
            self.fenced.set()
            return False
        self._position += len(data)
        return self._waiting >= FLUSH_BYTES


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
