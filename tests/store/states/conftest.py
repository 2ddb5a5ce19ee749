"""The real tables."""

from collections.abc import AsyncGenerator

import pytest

from stack.postgres import EmbeddedPostgres
from store.database import Database
from store.migrate import migrate
from store.requests import RequestStore


@pytest.fixture(scope="session")
async def database(postgres: EmbeddedPostgres) -> AsyncGenerator[Database]:
    database = Database(postgres.url, timeout=5)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def store(database: Database) -> RequestStore:
    return RequestStore(database)
