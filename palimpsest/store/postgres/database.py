"""The connection to Postgres: one pool, single-statement transactions, errors of our own tree.

Statements are SQLAlchemy's; they are compiled once and run on asyncpg's own pool, which costs a
third of the way through SQLAlchemy's (docs/adr/0006). Its engine serves the migrations.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

import asyncpg
import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from palimpsest.runtime.errors import DatabaseUnavailable, Unstorable

Row = Mapping[str, Any]
T = TypeVar("T")

POOL_SIZE = 12
_PAUSE_SECONDS = 0.25
_DISK_FULL = "53100"
_REASON = re.compile(r"\([^()]{1,100}\)\Z")
_DIALECT = asyncpg_dialect(paramstyle="numeric_dollar")


class Database:
    """Runs statements; every failure of Postgres is a `DatabaseUnavailable` that says which.

    A value that no column or index takes is `Unstorable`: to try it again would never end.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()
        self._compiled: dict[TextClause, tuple[str, tuple[str, ...]]] = {}

    async def run(
        self,
        statement: TextClause,
        values: Mapping[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Sequence[Row]:
        """One statement is one transaction; the rows it returns, if any. ``timeout`` in seconds,
        where another than the usual one is due."""
        sql, names = self._compiled.get(statement) or self._compile(statement)
        given = values or {}
        try:
            async with asyncio.timeout(timeout or self._timeout):
                pool = self._pool or await self._open()
                rows = await pool.fetch(sql, *[given[name] for name in names])
        except TimeoutError as error:
            raise DatabaseUnavailable("the database did not answer in time") from error
        except (asyncpg.DataError, asyncpg.ProgramLimitExceededError) as error:
            raise Unstorable(f"this cannot be stored: {_without_value(error)}") from error
        except asyncpg.PostgresError as error:
            raise DatabaseUnavailable(_explain(error)) from error
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            # The second is how a connection ends at times whose server is killed in mid-query.
            raise DatabaseUnavailable(f"the database cannot be reached: {error}") from error
        return [dict(row) for row in rows]

    async def ping(self) -> None:
        await self.run(_PING)

    async def close(self) -> None:
        if self._pool:
            self._pool.terminate()

    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine for the same database; the caller disposes of it."""
        return create_async_engine(normalised(self._url, "postgresql+asyncpg"), poolclass=NullPool)

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    normalised(self._url, "postgresql"),
                    min_size=1,
                    max_size=POOL_SIZE,
                    init=_prepare,
                    reset=_leave_as_it_is,
                    server_settings={"application_name": "palimpsest"},
                )
            return self._pool

    def _compile(self, statement: TextClause) -> tuple[str, tuple[str, ...]]:
        compiled = statement.compile(dialect=_DIALECT)
        positions = cast("Sequence[str]", getattr(compiled, "positiontup", None) or ())
        self._compiled[statement] = str(compiled), tuple(positions)
        return self._compiled[statement]


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec(
        "jsonb", encoder=str, decoder=msgspec.json.decode, schema="pg_catalog"
    )


async def _leave_as_it_is(_connection: object) -> None:
    """Our statements leave no state behind that the next one would have to be spared."""


async def retry_unavailable(seconds: float, call: Callable[[], Awaitable[T]]) -> T:
    """What ``call``, which is safe to repeat, returns. A database that is away is often back within
    seconds: raises the last DatabaseUnavailable only when the time is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await call()
        except DatabaseUnavailable:
            if loop.time() + _PAUSE_SECONDS > deadline:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


def normalised(url: str, scheme: str) -> str:
    """The URL with another scheme, whatever its own was."""
    return f"{scheme}://{url.partition('://')[2]}"


def _explain(error: asyncpg.PostgresError) -> str:
    if error.sqlstate == _DISK_FULL:
        return "the disk that holds the database is full; free some room and send it again"
    return f"the database refused: {str(error).splitlines()[0]}"


def _without_value(error: Exception) -> str:
    """What is wrong with a value, without the value, which may be long and is somebody's."""
    what, _, value = str(error).partition("\n")[0].partition(": ")
    reason = _REASON.search(value)
    return f"{what} {reason[0]}" if reason else what


_PING = text("SELECT 1")
