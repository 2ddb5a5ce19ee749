"""Every failure of the connection is one error."""

import asyncpg
import pytest

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database


@pytest.mark.parametrize(
    "failure",
    [
        asyncpg.InternalClientError("cannot switch to state 11; another operation is in progress"),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionResetError("reset"),
    ],
)
async def test_a_connection_that_ends_in_mid_query(
    database: Database, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    await database.ping()

    async def fails(*_: object) -> None:
        raise failure

    with monkeypatch.context() as broken:
        broken.setattr(asyncpg.Pool, "fetch", fails)
        with pytest.raises(DatabaseUnavailable, match=str(failure)):
            await database.ping()
    await database.ping()
