"""The real tables, in a database of their own: no proxy shall take these requests for its own."""

from collections.abc import AsyncGenerator

import pytest

from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.shared_servers import SharedPostgres


@pytest.fixture(scope="session")
async def database(postgres: SharedPostgres, template: str) -> AsyncGenerator[Database]:
    database = Database(await postgres.make_database(template), timeout=5)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def store(database: Database) -> RequestStore:
    return RequestStore(database)
