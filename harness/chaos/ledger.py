"""The database's records of every accepted request, content included."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from blake3 import blake3
from sqlalchemy import text

from palimpsest.exchanges.registry import read_body
from palimpsest.runtime.errors import NotFound
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore


@dataclass(slots=True)
class AttemptRecord:
    """One row of `attempts`. Times are seconds since the epoch."""

    request_id: str
    number: int
    sent_at: float
    closed_at: float | None
    outcome: str | None


@dataclass(slots=True)
class RequestRecord:
    """One row of `requests`: ``hash`` of its body, ``answer`` as it can be read back."""

    id: str
    hash: str
    state: str
    outcome: str | None
    reason: str | None
    status: int | None
    accepted_at: float
    ended_at: float | None
    answer: bytes | None
    attempts: list[AttemptRecord] = field(default_factory=list[AttemptRecord])


async def read_ledger(database: Database) -> list[RequestRecord]:
    """Every accepted request, oldest first."""
    store = RequestStore(database)
    attempts: dict[str, list[AttemptRecord]] = defaultdict(list)
    for row in await database.run(_ATTEMPTS):
        sent, closed = row["sent_at"].timestamp(), _epoch(row["closed_at"])
        found = AttemptRecord(row["request_id"], row["number"], sent, closed, row["outcome"])
        attempts[found.request_id].append(found)
    return [
        RequestRecord(
            id=row["id"],
            hash=blake3(await read_body(store, row["id"])).hexdigest(),
            state=row["state"],
            outcome=row["outcome"],
            reason=row["reason"],
            status=row["status"],
            accepted_at=row["accepted_at"].timestamp(),
            ended_at=_epoch(row["ended_at"]),
            answer=await _answer(store, row["id"]),
            attempts=attempts[row["id"]],
        )
        for row in await database.run(_REQUESTS)
    ]


async def open_requests(database: Database) -> int:
    """How many have not ended."""
    return int((await database.run(_OPEN))[0]["open"])


async def _answer(store: RequestStore, request_id: str) -> bytes | None:
    try:
        return (await store.read_answer(request_id)).content
    except NotFound:
        return None


def _epoch(time: datetime | None) -> float | None:
    return time.timestamp() if time else None


_REQUESTS = text("SELECT * FROM requests ORDER BY accepted_at")
_ATTEMPTS = text("SELECT * FROM attempts ORDER BY sent_at, number")
_OPEN = text("SELECT count(*) AS open FROM requests WHERE state <> 'ended'")
