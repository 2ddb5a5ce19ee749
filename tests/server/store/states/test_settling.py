"""Each statement is one transaction: all of it, or nothing."""

import asyncio

import pytest
from sqlalchemy import text

from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.request_life import (
    SHOWN,
    accepted,
    name,
    settled,
)

TABLES = ("requests", "attempts", "vault", "claims", "journal", "conversations", "heads", "blobs")


async def of_request(database: Database, request_id: str) -> dict[str, list[str]]:
    """Everything that names the request, or was made by its settlement, as text."""
    found: dict[str, list[str]] = {}
    for table in TABLES:
        rows = await database.run(text(f"SELECT t::text AS row FROM {table} t"))
        mine = [row["row"] for row in rows if request_id in row["row"] or table == "blobs"]
        found[table] = sorted(mine)
    return found


@pytest.mark.parametrize("table", ["requests", "attempts", "vault", "heads", "blobs"])
async def test_a_settlement_that_fails_in_the_middle_leaves_nothing(
    database: Database, store: RequestStore, table: str
) -> None:
    """One of its parts is made to fail, as a crash or a full disk would."""
    request_id = name()
    await store.accept(accepted(request_id, request_id))
    lease = await store.begin_attempt(request_id, "A", SHOWN)
    assert lease
    end = settled(
        request_id,
        lease,
        response=request_id.encode(),
        chain=request_id.encode(),
        conversation_id=f"conv_{request_id}",
        turn=1,
    )
    before = await of_request(database, request_id)
    await database.run(text(REFUSE.format(table=table)))
    await database.run(text(TRIGGER.format(table=table)))
    try:
        with pytest.raises(DatabaseUnavailable, match="refused by the test"):
            await store.settle(end)
    finally:
        await database.run(text(f"DROP TRIGGER refuse ON {table}"))
    assert await of_request(database, request_id) == before
    assert await store.settle(end)
    assert await store.settle(end), "an own commit is known again"
    after = await of_request(database, request_id)
    assert [len(after[name]) - len(before[name]) for name in TABLES] == [0, 0, -1, 0, 0, 1, 1, 1]


REFUSE = """
CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'refused by the test'; END $$
"""
TRIGGER = """
CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON {table}
FOR EACH ROW EXECUTE FUNCTION refuse()
"""


async def test_a_commit_whose_answer_was_lost_can_be_sent_again(store: RequestStore) -> None:
    request_id = name()
    request = accepted(request_id, request_id)
    assert [await store.accept(request) for _ in range(2)] == [request_id] * 2
    assert (await store.read_request(request_id)).state == "accepted"
    kept = await store.read_credentials(request_id)
    assert kept
    assert (kept.sealed, kept.interrupted) == (request.sealed, False)


async def test_of_many_at_once_one_gets_the_claim(store: RequestStore) -> None:
    names = [name() for _ in range(8)]
    holders = await asyncio.gather(*(store.accept(accepted(each, names[0])) for each in names))
    [holder] = set(holders)
    assert holder in names
    for each in names:
        assert (await store.find_claim_holder(each) is not None) is (each == holder)


async def test_of_many_that_take_a_claim_over_one_gets_it(store: RequestStore) -> None:
    old, names = name(), [name() for _ in range(8)]
    await store.accept(accepted(old, old))
    taking = [accepted(each, old, seize_from=old) for each in names]
    holders = await asyncio.gather(*map(store.accept, taking))
    [holder] = set(holders)
    assert holder in names


async def test_a_request_without_a_claim_stands_beside_others(store: RequestStore) -> None:
    names = [name() for _ in range(3)]
    for each in names:
        assert await store.accept(accepted(each, names[0], claims=False)) == each


async def test_a_client_that_is_at_another_edge_has_not_left(store: RequestStore) -> None:
    request_id = name()
    await store.accept(accepted(request_id, request_id, edge="one"))
    await store.record_client_back(request_id, "two")
    await store.record_client_left(request_id, "one")
    held = await store.find_claim_holder(request_id)
    assert held
    assert (held.edge, held.client_gone) == ("two", False)
    await store.record_client_left(request_id, "two")
    held = await store.find_claim_holder(request_id)
    assert held
    assert held.client_gone
