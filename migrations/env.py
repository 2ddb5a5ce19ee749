"""Alembic's entry: runs on the connection handed over by palimpsest/store/postgres/migrate.py or on
DATABASE_URL.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection

from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memory_tables import (
    metadata,  # and with it those of palimpsest/store/postgres/tables.py
)


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()


async def _run_on(url: str) -> None:
    database = Database(url, timeout=30)
    engine = database.engine()
    async with engine.begin() as connection:
        await connection.run_sync(_run)
    await engine.dispose()


handed_over: Connection | None = context.config.attributes.get("connection")
if handed_over is not None:
    _run(handed_over)
else:
    url = Settings.load().database_url
    if url is None:
        raise SystemExit("palimpsest: set DATABASE_URL to the database to migrate or check")
    asyncio.run(_run_on(url))
