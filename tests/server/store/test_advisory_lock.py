"""One process does what is done for all, and the next one takes over."""

import pytest
from sqlalchemy import text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.advisory_lock import INDEXING, AdvisoryLock
from palimpsest.store.postgres.database import Database

_CUT = text(
    "SELECT pg_terminate_backend(pid) FROM pg_locks "
    "WHERE locktype = 'advisory' AND objid = :key AND granted"
)


async def test_falls_to_one_until_it_ends(database: Database) -> None:
    first, second = AdvisoryLock(database, INDEXING), AdvisoryLock(database, INDEXING)
    assert await first.try_acquire()
    assert await first.try_acquire()
    assert not await second.try_acquire()
    await first.close()
    assert await second.try_acquire()
    await second.close()


async def test_what_lost_its_connection_lost_its_turn(database: Database) -> None:
    first, second = AdvisoryLock(database, INDEXING + 1), AdvisoryLock(database, INDEXING + 1)
    assert await first.try_acquire()
    await database.run(_CUT, {"key": INDEXING + 1})
    assert await second.try_acquire()
    with pytest.raises(DatabaseUnavailable):
        await first.try_acquire()
    assert not await first.try_acquire()
    await first.close()
    await second.close()
