"""A database of a test's own, migrated."""

import uuid
from collections.abc import AsyncGenerator

import pytest

from stack.postgres import EmbeddedPostgres
from store.database import Database
from store.migrate import migrate


@pytest.fixture
async def url(postgres: EmbeddedPostgres) -> str:
    """An empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await postgres.ensure_database(name)
    return postgres.url_of(name)


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    database = Database(url, timeout=10)
    await migrate(database)
    yield database
    await database.close()
