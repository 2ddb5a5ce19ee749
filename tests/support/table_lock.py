"""Making one table of the real database hang, or fail."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.proxy import Parts

_WAITING = text("""
SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
WHERE NOT granted AND relname = :table
""")


@asynccontextmanager
async def locked(parts: Parts, table: str) -> AsyncGenerator[None]:
    """In the block nobody else reads or writes the table; statements on it wait."""
    async with _engine(parts).begin() as connection:
        await connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


@asynccontextmanager
async def renamed(parts: Parts, table: str) -> AsyncGenerator[None]:
    """In the block every statement on the table fails."""
    async with _engine(parts).begin() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO {table}_away"))
    try:
        yield
    finally:
        async with _engine(parts).begin() as connection:
            await connection.execute(text(f"ALTER TABLE {table}_away RENAME TO {table}"))


async def waiting(parts: Parts, table: str) -> bool:
    """Whether somebody waits for the table."""
    async with _engine(parts).connect() as connection:
        return bool(await connection.scalar(_WAITING, {"table": table}))


def _engine(parts: Parts) -> AsyncEngine:
    return create_async_engine(parts.database_url, poolclass=NullPool)
