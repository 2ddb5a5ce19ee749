"""Summaries in the store, and the rows of the calls for them."""

import pytest

from palimpsest.conversations.model import CutSummary
from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import AttemptEnd, Lease
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.summaries import SummaryStore
from tests.support.request_life import name
from tests.support.stored_requests import accept, begin, settle

CHAIN = b"c" * 32
BODY = b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture
def summaries(database: Database) -> SummaryStore:
    return SummaryStore(database, "default")


async def keep(summaries: SummaryStore, request_id: str, said: str) -> None:
    number = await summaries.begin_call(request_id, "A")
    assert number
    end = AttemptEnd(Lease(number, 0), Outcome.ANSWERED, 200, 9, usage="{}")
    await summaries.save_summary(CHAIN, "conv", request_id, CutSummary("haiku", said), end)


async def test_the_first_summary_of_a_cut_stays(
    database: Database, summaries: SummaryStore
) -> None:
    store = RequestStore(database)
    one, two = [await accept(store, BODY) for _ in range(2)]
    assert await summaries.get(CHAIN) is None
    await keep(summaries, one, "first\0")
    await keep(summaries, two, "second")
    assert await summaries.get(CHAIN) == CutSummary("haiku", "first\ufffd")
    assert await SummaryStore(database, "another").get(CHAIN) is None
    for request_id in (one, two):
        [row] = await store.read_attempts(request_id)
        assert (row.kind, row.number, row.outcome) == ("summary", 1, "answered")
        assert row.closed_at


async def test_calls_are_few_and_what_was_lost_is_unknown(
    database: Database, summaries: SummaryStore
) -> None:
    store = RequestStore(database)
    request_id = await accept(store, BODY)
    assert [await summaries.begin_call(request_id, "A") for _ in range(2)] == [1, 2]
    await summaries.close_call(request_id, AttemptEnd(Lease(2, 0), Outcome.BROKEN, reason="cut"))
    await summaries.close_call(request_id, AttemptEnd(Lease(1, 0), Outcome.ANSWERED))
    assert await summaries.begin_call(request_id, "A") is None
    outcomes = [row.outcome for row in await store.read_attempts(request_id)]
    assert outcomes == ["unknown", "broken"]


async def test_the_requests_own_calls_are_counted_apart(
    database: Database, summaries: SummaryStore
) -> None:
    store = RequestStore(database)
    request_id = await accept(store, BODY)
    await keep(summaries, request_id, "said")
    lease = await begin(store, request_id)
    assert lease
    assert lease.number == 1
    await store.close_attempt(request_id, AttemptEnd(lease, Outcome.UPSTREAM_ERROR, 529))
    await settle(store, request_id, BODY, b"{}")
    rows = await store.read_attempts(request_id)
    assert [(row.kind, row.number, row.outcome) for row in rows] == [
        ("summary", 1, "answered"),
        ("answer", 1, "upstream_error"),
        ("answer", 2, "answered"),
    ]
    assert await summaries.begin_call(request_id, "A") is None, "it has ended"
    assert await summaries.begin_call(name(), "A") is None, "it never was"
