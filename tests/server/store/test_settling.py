"""An end is recorded as far as it can be: what is told beside an answer never costs the answer."""

from typing import Any

import pytest

from palimpsest.forwarding.commit import commit_spilled, settle_storable
from palimpsest.runtime.errors import Unstorable
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill
from tests.support.requests import message
from tests.support.stored_requests import NO_USAGE, accept, begin, settlement

UNSTORABLE: dict[str, dict[str, Any]] = {
    "headers that are no JSON": {"response_headers": "no JSON"},
    "a NUL in JSON": {"response_headers": '["\\u0000"]'},
    "a count beyond every column": {"usage": {**NO_USAGE, "output_tokens": 2**70}},
    "a count that is none": {"usage": {**NO_USAGE, "output_tokens": "many"}},
    "half a character": {"stop_reason": "\ud800"},
    "a time that is none": {"times": {}},
    "a turn beyond its column": {"turn": 2**40},
    "a conversation with a NUL": {"conversation_id": "conv_\0"},
}


@pytest.mark.parametrize("changes", UNSTORABLE.values(), ids=UNSTORABLE)
async def test_the_answer_is_on_record_all_the_same(
    database: Database, changes: dict[str, Any]
) -> None:
    store = RequestStore(database)
    request_id = await accept(store, message())
    lease = await begin(store, request_id)
    assert lease
    end = settlement(request_id, lease, message(), b"paid for", **changes)
    assert await settle_storable(store, end)
    assert (await store.read_answer(request_id)).content == b"paid for"
    row = await store.read_request(request_id)
    assert (row.state, row.outcome) == ("ended", "answered")
    assert row.output_tokens is None
    assert (row.reason or "").startswith("recorded without headers, usage and times: ")
    assert [attempt.outcome for attempt in await store.read_attempts(request_id)] == ["answered"]


async def test_an_end_that_cannot_be_stored_whole_keeps_no_other_waiting(
    database: Database, tmp_path: Any
) -> None:
    store, spill = RequestStore(database), Spill(tmp_path)
    ids = [await accept(store, message(str(number))) for number in range(2)]
    for request_id, turn in zip(sorted(ids), (2**40, 1), strict=True):
        lease = await begin(store, request_id)
        assert lease
        spill.write(settlement(request_id, lease, message(), b"{}", turn=turn))
    await commit_spilled(spill, store)
    assert not spill.read()
    for request_id in ids:
        assert (await store.read_request(request_id)).outcome == "answered"


async def test_what_cannot_be_stored_is_told_without_its_value(database: Database) -> None:
    with pytest.raises(Unstorable) as refused:
        await RequestStore(database).read_request("req_\0secret")
    assert "secret" not in str(refused.value)
