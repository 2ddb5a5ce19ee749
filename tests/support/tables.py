"""How many rows there are, and rows that are older than they are."""

import random

from sqlalchemy import text

from palimpsest.store.postgres.database import Database

TABLES = ("requests", "attempts", "blobs", "nodes", "heads", "conversations")


async def counts(database: Database) -> dict[str, int]:
    found: dict[str, int] = {}
    for table in TABLES:
        [row] = await database.run(text(f"SELECT count(*) AS n FROM {table}"))
        found[table] = row["n"]
    return found


async def age(database: Database, hours: float, request_id: str | None = None) -> None:
    """Make everything, or one request, that much older."""
    past = "- make_interval(hours => 1) * CAST(:hours AS float)"
    only = "" if request_id is None else "WHERE id = :id"
    values = {"hours": hours, **({} if request_id is None else {"id": request_id})}
    await database.run(text(f"UPDATE requests SET accepted_at = accepted_at {past} {only}"), values)
    if request_id is None:
        for table, column in (
            ("blobs", "touched_at"),
            ("nodes", "touched_at"),
            ("heads", "created_at"),
            ("conversations", "updated_at"),
        ):
            await database.run(
                text(f"UPDATE {table} SET {column} = {column} {past}"), {"hours": hours}
            )


def noise(size: int, seed: int) -> str:
    """Text that does not compress well."""
    return "".join(random.Random(seed).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=size))
