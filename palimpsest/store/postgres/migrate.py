"""Bring the database to this version's schema; safe when several processes start at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from palimpsest.runtime.errors import DatabaseUnavailable, StartupFailed
from palimpsest.store.postgres.database import Database

_LOCK = 0x50414C49
_SCRIPTS = Path(__file__).parents[3] / "migrations"


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    return config


def _upgrade(connection: Connection) -> None:
    # Concurrent starters wait here; the lock goes with the transaction.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def migrate(database: Database) -> None:
    """Apply every pending migration, in one transaction."""
    engine = database.engine()
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade)
    except DatabaseUnavailable:
        raise
    except Exception as error:
        raise StartupFailed(f"the database could not be brought up to date: {error}") from error
    finally:
        await engine.dispose()
