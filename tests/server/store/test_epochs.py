"""The rewrite ledger: the first epoch of a chain wins, and each history finds its own."""

import asyncio
import secrets
from typing import Any

import pytest

from palimpsest.context.model import Epoch
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.requests import RequestStore
from tests.support.lineages import lineage_of
from tests.support.request_life import (
    SHOWN,
    accepted,
    name,
    settled,
)
from tests.support.stored_epochs import epoch

CHAIN = [bytes([number]) * 32 for number in range(1, 201)]


async def answered(database: Database, depth: int, **shown: Any) -> str:
    """A request over the first ``depth`` messages that was sent by the epochs in ``shown``."""
    store, request_id = RequestStore(database), name()
    await store.accept(accepted(request_id, request_id))
    lease = await store.begin_attempt(request_id, "A", {**SHOWN, **shown})
    assert lease
    end = settled(
        request_id, lease, conversation_id="conv", turn=1, chain=CHAIN[depth - 1], depth=depth
    )
    assert await store.settle(end)
    return request_id


async def recorded(database: Database, depth: int, kind: Any = "on", **changes: Any) -> Epoch:
    made = epoch(CHAIN[depth - 1], depth, **changes)
    return await EpochStore(database, "default").record(made, kind, "conv", "req")


async def applies(database: Database, depth: int) -> bytes | None:
    place = await ConversationStore(database, "default").find_place(lineage_of(CHAIN[:depth]))
    return place.applied


async def test_what_was_recorded_comes_back_in_every_process(database: Database) -> None:
    one, two = EpochStore(database, "default"), EpochStore(database, "default")
    made = epoch(CHAIN[0], 1)
    assert await one.get(CHAIN[0], "on") is None
    assert await one.record(made, "on", "conv", "req") == made
    for ledger in (one, two):
        assert await ledger.get(CHAIN[0], "on") == made
        assert await ledger.get(CHAIN[0], "observe") is None
    assert await EpochStore(database, "another").get(CHAIN[0], "on") is None


async def test_of_those_that_race_the_first_wins(database: Database) -> None:
    ledgers = [EpochStore(database, "default") for _ in range(8)]
    chain = secrets.token_bytes(32)
    found = await asyncio.gather(
        *(
            ledger.record(epoch(chain, 9, cut=number), "on", "conv", f"req_{number}")
            for number, ledger in enumerate(ledgers)
        )
    )
    assert len({made.decisions[0].position for made in found}) == 1
    assert await EpochStore(database, "default").get(chain, "on") == found[0]
    late = epoch(chain, 9, cut=99)
    assert await ledgers[0].record(late, "on", "conv", "req") == found[0]
    assert await ledgers[0].record(late, "observe", "conv", "req") == late


async def test_a_history_finds_the_epoch_it_was_sent_by(database: Database) -> None:
    await answered(database, 3)
    first = await recorded(database, 5)
    assert await applies(database, 4) is None
    assert await applies(database, 5) == first.chain, "begun, and not answered yet"
    await answered(database, 5, applied_epoch=first.chain)
    assert await applies(database, 7) == first.chain
    await answered(database, 7, applied_epoch=first.chain)
    second = await recorded(database, 9, number=2)
    assert await applies(database, 9) == second.chain
    assert await applies(database, 8) == first.chain
    assert await applies(database, 4) is None, "a rewind to before the epochs"


async def test_what_was_sent_goes_before_what_was_begun_later_on_an_earlier_turn(
    database: Database,
) -> None:
    """A rewind began an epoch; the branch that had gone on without it still goes on so."""
    await answered(database, 7)
    rewound = await recorded(database, 5)
    assert await applies(database, 5) == rewound.chain
    assert await applies(database, 9) is None


async def test_the_newest_answer_says_how_a_turn_was_sent(database: Database) -> None:
    """The same turn, sent again, may be the first of an epoch."""
    await answered(database, 5)
    begun = await recorded(database, 5)
    assert await applies(database, 7) is None
    await answered(database, 5, applied_epoch=begun.chain)
    assert await applies(database, 7) == begun.chain


async def test_an_epoch_far_back_is_found(database: Database) -> None:
    far = await recorded(database, 10)
    assert await applies(database, 200) == far.chain, "without any head"
    await answered(database, 10, applied_epoch=far.chain)
    assert await applies(database, 200) == far.chain, "by a head far back"
    await answered(database, 199, applied_epoch=far.chain)
    assert await applies(database, 200) == far.chain, "by the newest head alone"
    near = await recorded(database, 200, number=2)
    assert await applies(database, 200) == near.chain


async def test_observed_epochs_are_found_apart(database: Database) -> None:
    seen = await recorded(database, 5, "observe")
    conversations = ConversationStore(database, "default")
    place = await conversations.find_place(lineage_of(CHAIN[:7]))
    assert (place.applied, place.observed) == (None, seen.chain)
    await answered(database, 150, observed_epoch=seen.chain)
    place = await conversations.find_place(lineage_of(CHAIN[:152]))
    assert (place.applied, place.observed) == (None, seen.chain)
    assert place.idle is not None
    assert 0 <= place.idle < 60


async def test_a_conversations_epochs_are_listed(database: Database) -> None:
    ledger = EpochStore(database, "default")
    own = await recorded(database, 5)
    other = epoch(CHAIN[50], 51)
    await ledger.record(other, "on", "another", "req")
    assert [made.epoch for made in await ledger.list_epochs("conv")] == [own]
    await answered(database, 60, applied_epoch=other.chain, conversation_id="conv")
    assert [made.epoch for made in await ledger.list_epochs("conv")] == [own, other]


async def test_a_ledger_that_cannot_be_read_says_so() -> None:
    away = EpochStore(Database("postgresql://127.0.0.1:1/none", timeout=1), "default")
    with pytest.raises(DatabaseUnavailable):
        await away.get(CHAIN[0], "on")
    with pytest.raises(DatabaseUnavailable):
        await away.record(epoch(CHAIN[0], 1), "on", "conv", "req")
