"""Locks of Postgres that belong to a connection, for work that one process does for all."""

import asyncio

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database

INDEXING = 7_251_001
"""The lock of who writes to a shared vector index."""

_SECONDS = 5.0
_TAKE = text("SELECT pg_try_advisory_lock(:key)")
_LOOK = text("SELECT 1")


class AdvisoryLock:
    """A lock that one process at a time holds, for as long as its connection lives."""

    def __init__(self, database: Database, key: int) -> None:
        self._engine = database.engine()
        self._key = key
        self._connection: AsyncConnection | None = None

    async def try_acquire(self) -> bool:
        """Whether this process holds the lock, or just took it; raises DatabaseUnavailable."""
        try:
            async with asyncio.timeout(_SECONDS):
                return await self._asked()
        except (DBAPIError, OSError, TimeoutError) as error:
            # Whether the lock is still held is not known, and a new connection tells.
            await self.release()
            raise DatabaseUnavailable(f"the database cannot be reached: {error}") from error

    async def release(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.invalidate()
            await connection.close()

    async def close(self) -> None:
        await self.release()
        await self._engine.dispose()

    async def _asked(self) -> bool:
        if self._connection is not None:
            await self._connection.execute(_LOOK)
            return True
        connection = await self._engine.connect()
        try:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            if (await connection.execute(_TAKE, {"key": self._key})).scalar_one():
                self._connection = connection
                return True
            return False
        finally:
            if self._connection is not connection:
                await connection.close()
