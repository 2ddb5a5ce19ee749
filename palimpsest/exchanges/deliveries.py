"""Answers that were handed to their client: delivered, unless their connection ends too soon.

Two seconds after the last byte it is known what became of an answer. A reset: it did not arrive. A
connection that lives, or has seen its next request: it did. One that was closed in good order:
nobody can tell. A one-shot client read all of it; one that gave up left it in its kernel or its
buffers, acknowledged and unread. Such an answer counts as undelivered for ``grace`` seconds, so
that a re-send is free, and as delivered from then on, so that asking again is a second sample.

The database learns of deliveries in batches; until then this process knows them.
"""

import asyncio
from dataclasses import dataclass

import structlog

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.requests import RequestStore

RESET_SECONDS = 2.0
LONGEST_DOUBT = 60.0
_FLUSH_SECONDS = 0.5

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Connection:
    """What became of a client's connection: still open, closed, or ``reset``: the peer cut it, so
    that bytes handed to it last may not have arrived."""

    open: bool = True
    reset: bool = False
    transport: asyncio.Transport | None = None

    @property
    def closed(self) -> bool:
        """It was ended in good order, which does not say that the peer has read it all."""
        return not self.open and not self.reset

    def is_drained(self) -> bool:
        """Whether nothing waits in our own buffer for a peer that reads slowly, or not at all."""
        if not self.open or self.transport is None:
            return True
        return not self.transport.get_write_buffer_size()


class Deliveries:
    """``edge`` names this process; ``grace`` is what a client has to come back in, of which
    `LONGEST_DOUBT` counts at most. Times in seconds."""

    def __init__(self, requests: RequestStore, edge: str, grace: float) -> None:
        self._requests = requests
        self._edge = edge
        self._doubt = min(grace, LONGEST_DOUBT)
        self._drained: dict[str, tuple[Connection, float]] = {}

    def note_drained(self, request_id: str, connection: Connection) -> None:
        """The last byte of this answer was handed to the connection."""
        now = asyncio.get_running_loop().time()
        self._drained[request_id] = (connection, now + RESET_SECONDS)

    def is_delivered(self, request_id: str) -> bool:
        """Whether a client that is still connected has had the whole answer."""
        entry = self._drained.get(request_id)
        return entry is not None and entry[0].open and entry[0].is_drained()

    async def run(self) -> None:
        """Tell the database, for ever."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
            except DatabaseUnavailable as error:
                _log.warning("deliveries wait", reason=str(error))

    async def flush(self, *, closing: bool = False) -> None:
        """Record those whose two seconds are over; all when the process is ``closing``."""
        now = asyncio.get_running_loop().time()
        due = [
            key
            for key, (connection, at) in self._drained.items()
            if closing or (at <= now and connection.is_drained())
        ]
        arrived = [key for key in due if self._drained[key][0].open]
        if arrived:
            await self._requests.record_delivered(arrived)
        doubted = [key for key in due if self._drained[key][0].closed]
        if doubted:
            await self._requests.record_delivered(doubted, in_seconds=self._doubt)
        for key in set(due).difference(arrived, doubted):
            await self._requests.record_client_left(key, self._edge)
        for key in due:
            del self._drained[key]
