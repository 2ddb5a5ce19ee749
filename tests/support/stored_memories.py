"""Memories to store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text as sql

from palimpsest.memory.model import (
    Cursor,
    Fix,
    Kind,
    Memory,
    MemoryChanges,
    Pattern,
    memory_id,
)
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memories import MemoryStore
from tests.support.requests import eventually

TENANT = "default"
PROJECT = "/home/me/project"
SAID_AT = datetime(2026, 11, 1, tzinfo=UTC)


def turn(text: str, number: int = 0, **fields: Any) -> Memory:
    """Part of a message; each ``number`` is another message, a minute after the one before."""
    chain = number.to_bytes(32, "big").hex()
    given: dict[str, Any] = {"project": PROJECT, "conversation": "conv_1", **fields}
    return Memory(
        id=memory_id(TENANT, given["project"], Kind.TURN, chain, "0"),
        tenant=TENANT,
        kind=Kind.TURN,
        text=text,
        role="user",
        position=number,
        chain=chain,
        said_at=SAID_AT + timedelta(minutes=number),
        **given,
    )


def pattern(trigger: str, **fields: Any) -> Memory:
    given: dict[str, Any] = {
        "project": PROJECT,
        "conversation": "conv_1",
        "said_at": SAID_AT,
        **fields,
    }
    return Memory(
        id=memory_id(TENANT, given["project"], Kind.PATTERN, trigger, "make test"),
        tenant=TENANT,
        kind=Kind.PATTERN,
        text=f"{trigger}: make test",
        detail=Pattern(trigger, ("make test",)),
        **given,
    )


def fix(signature: str, **fields: Any) -> Memory:
    given: dict[str, Any] = {
        "project": PROJECT,
        "conversation": "conv_1",
        "said_at": SAID_AT,
        **fields,
    }
    return Memory(
        id=memory_id(TENANT, given["project"], Kind.FIX, signature, "add the import"),
        tenant=TENANT,
        kind=Kind.FIX,
        text=f"{signature}\nadd the import",
        detail=Fix(signature, f"{signature} in line 3", "add the import"),
        **given,
    )


async def settled_changes(
    store: MemoryStore, database: Database, cursor: Cursor, limit: int = 1000
) -> MemoryChanges:
    """What follows the cursor, once the transactions of other tests are over that were under way
    on the same server: they hold changes back."""
    [now] = await database.run(_NEWEST)
    await eventually(lambda: database.run(_OLDEST), lambda rows: rows[0]["xid"] > now["xid"])
    return await store.read_changes(cursor, limit)


_NEWEST = sql("SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint) AS xid")
_OLDEST = sql("SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) AS xid")
