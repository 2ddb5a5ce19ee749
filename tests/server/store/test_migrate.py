"""The schema: what the migrations make is what the tables say, however often and by whomever."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.settings import child_environment
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.migrate import migrate
from tests.support.shared_servers import SharedPostgres

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def empty(postgres: SharedPostgres) -> str:
    """The URL of a database without tables."""
    return await postgres.make_database()


async def test_alembic_check_is_clean(url: str) -> None:
    checked = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "alembic", "check"],
        cwd=ROOT,
        env=child_environment({"DATABASE_URL": url}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "No new upgrade operations detected" in checked.stdout + checked.stderr


async def test_migrating_again_changes_nothing(database: Database) -> None:
    version = text("SELECT version_num FROM alembic_version")
    before = await database.run(version)
    await migrate(database)
    assert await database.run(version) == before


async def test_starting_at_the_same_time(empty: str) -> None:
    databases = [Database(empty, timeout=10) for _ in range(4)]
    try:
        await asyncio.gather(*(migrate(database) for database in databases))
        assert len(await databases[0].run(text("SELECT * FROM alembic_version"))) == 1
    finally:
        for database in databases:
            await database.close()


async def test_a_database_that_cannot_be_had_is_said_in_one_line(empty: str) -> None:
    database = Database(empty + "&user=nobody", timeout=2)
    with pytest.raises(StartupFailed) as failed:
        await migrate(database)
    assert "could not be brought up to date" in str(failed.value)
    await database.close()
