"""Epochs outlive captured content for as long as their conversation is used."""

import pytest
from sqlalchemy import text

from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.retention import Retention
from tests.support.lineages import lineage_of
from tests.support.request_life import SHOWN
from tests.support.requests import message
from tests.support.stored_epochs import epoch
from tests.support.stored_requests import TENANT, accept, settlement
from tests.support.tables import age, counts, noise

OLDER = text("""
UPDATE epochs SET created_at = created_at - make_interval(hours => 1) * CAST(:hours AS float)
""")
USED = text("UPDATE conversations SET updated_at = now()")


async def sent_by_an_epoch(database: Database, *, kind: str = "on") -> tuple[bytes, ...]:
    """The chain of a request that began an epoch and was answered."""
    store, body = RequestStore(database), message(noise(20_000, 1))
    request_id = await accept(store, body)
    hashes = chain(root(TENANT), parse(body).messages, DIALECT)
    made = epoch(hashes[-1], len(hashes))
    ledger = EpochStore(database, TENANT)
    await ledger.record(made, "on" if kind == "on" else "observe", "another", request_id)
    name = "applied_epoch" if kind == "on" else "observed_epoch"
    lease = await store.begin_attempt(request_id, "test", {**SHOWN, name: made.chain})
    assert lease
    assert await store.settle(settlement(request_id, lease, body, b"{}"))
    return hashes


@pytest.mark.parametrize("kind", ["on", "observe"])
async def test_to_make_room_no_epoch_goes(database: Database, kind: str) -> None:
    hashes = await sent_by_an_epoch(database, kind=kind)
    await age(database, 48)
    await database.run(OLDER, {"hours": 48})
    await Retention(database, 30, 1).sweep()
    assert (await counts(database))["requests"] == 0
    place = await ConversationStore(database, TENANT).find_place(lineage_of(hashes))
    assert (place.applied or place.observed) == hashes[-1]
    assert place.conversation_id


async def test_an_epoch_that_is_old_stays_while_its_conversation_is_used(
    database: Database,
) -> None:
    hashes = await sent_by_an_epoch(database)
    await age(database, 24 * 365)
    await database.run(OLDER, {"hours": 24 * 365})
    await database.run(USED)
    await Retention(database, 30, 10**12).sweep()
    assert (await counts(database))["requests"] == 0
    assert (
        await ConversationStore(database, TENANT).find_place(lineage_of(hashes))
    ).applied == hashes[-1]


async def test_it_goes_when_its_conversation_has_not_been_used_for_long(
    database: Database,
) -> None:
    hashes = await sent_by_an_epoch(database)
    await age(database, 24 * 31)
    await database.run(OLDER, {"hours": 24 * 31})
    await Retention(database, 30, 10**12).sweep()
    assert await EpochStore(database, TENANT).get(hashes[-1], "on") is None
    assert set((await counts(database)).values()) == {0}


async def test_one_that_an_open_request_began_stays(database: Database) -> None:
    store, body = RequestStore(database), message("open")
    request_id = await accept(store, body)
    hashes = chain(root(TENANT), parse(body).messages, DIALECT)
    ledger = EpochStore(database, TENANT)
    await ledger.record(epoch(hashes[-1], 1), "on", "conv", request_id)
    assert await store.begin_attempt(request_id, "test", {**SHOWN, "applied_epoch": hashes[-1]})
    await age(database, 24 * 31)
    await database.run(OLDER, {"hours": 24 * 31})
    await Retention(database, 30, 10**12).sweep()
    assert await EpochStore(database, TENANT).get(hashes[-1], "on")
