"""The connection to Postgres: one pool, single-statement transactions, errors of our own tree."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from errors import DatabaseUnavailable

_DISK_FULL = "53100"
POOL_SIZE = 12


class Database:
    """Runs statements; every failure of Postgres is a `DatabaseUnavailable` that says which.

    Only values that no column takes are not: to try those again would never end.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._timeout = timeout
        self.engine: AsyncEngine = create_async_engine(
            normalised(url),
            isolation_level="AUTOCOMMIT",
            pool_size=POOL_SIZE,
            max_overflow=0,
            pool_timeout=timeout,
            pool_reset_on_return=None,
            hide_parameters=True,
            connect_args={
                "timeout": timeout,
                "server_settings": {"application_name": "palimpsest"},
            },
        )

    async def run(
        self, statement: TextClause, values: Mapping[str, Any] | None = None
    ) -> Sequence[RowMapping]:
        """One statement is one transaction; the rows it returns, if any."""
        async with self.connection() as connection:
            result = await connection.execute(statement, values)
            return result.mappings().all() if result.returns_rows else ()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[AsyncConnection]:
        try:
            async with asyncio.timeout(self._timeout), self.engine.connect() as connection:
                yield connection
        except (PoolTimeout, TimeoutError) as error:
            raise DatabaseUnavailable("the database did not answer in time") from error
        except DataError:
            raise
        except DBAPIError as error:
            raise DatabaseUnavailable(_explain(error)) from error
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseUnavailable(f"the database cannot be reached: {error}") from error

    async def ping(self) -> None:
        await self.run(text("SELECT 1"))

    async def close(self) -> None:
        await self.engine.dispose()


def normalised(url: str) -> str:
    """The URL with the asyncpg driver named, whatever its scheme was."""
    for scheme in ("postgresql+asyncpg://", "postgresql://", "postgres://"):
        if url.startswith(scheme):
            return "postgresql+asyncpg://" + url.removeprefix(scheme)
    return url


def _explain(error: DBAPIError) -> str:
    state = getattr(error.orig, "sqlstate", None)
    if state == _DISK_FULL:
        return "the disk that holds the database is full; free some room and send it again"
    return f"the database refused: {str(error.orig).splitlines()[0]}"
