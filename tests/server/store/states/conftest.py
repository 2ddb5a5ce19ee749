"""The real tables."""

from collections.abc import AsyncGenerator

import pytest

from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.migrate import migrate
from palimpsest.store.postgres.requests import RequestStore
from tests.support.shared_servers import SharedPostgres


@pytest.fixture(scope="session")
async def database(postgres: SharedPostgres) -> AsyncGenerator[Database]:
    database = Database(postgres.url, timeout=5)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def store(database: Database) -> RequestStore:
    return RequestStore(database)
