"""The cost of a call whose process died, by what is left of it."""

import msgspec
import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome
from palimpsest.forwarding.model import AttemptEnd
from palimpsest.forwarding.recovery import estimate_crashed
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.journal import Journal
from palimpsest.store.postgres.requests import RequestStore
from tests.support.request_life import SHOWN, accepted, name
from tests.support.requests import message, short_stream


@pytest.mark.parametrize(
    ("received", "tokens"),
    [
        (b"", (500, None)),
        (b"".join(short_stream("x" * 700)[:3]), (11, 199)),
        (short_stream()[0][:40], (500, None)),
        (b"\x1f\x8b compressed", (500, None)),
    ],
)
async def test_from_the_journal_or_else_by_the_plan(
    database: Database, received: bytes, tokens: tuple[int, int | None]
) -> None:
    store, journal, request_id = RequestStore(database), Journal(database), name()
    await store.accept(accepted(request_id, request_id))
    first = await store.begin_attempt(request_id, "dead", SHOWN)
    assert first
    if received:
        await journal.append(request_id, first.fence, 0, received)
    second = await store.begin_attempt(request_id, "alive", SHOWN)
    assert second
    exchange = Exchange(request_id, parse(message(stream=True)), b"/v1/messages", ())
    await estimate_crashed(store, journal, exchange, second, 500)
    usage = (await store.read_attempts(request_id))[0].usage
    assert usage
    assert (usage["input_tokens"], usage["output_tokens"]) == tokens
    assert usage["estimated"]


async def test_what_a_call_told_itself_stays(database: Database) -> None:
    store, journal, request_id = RequestStore(database), Journal(database), name()
    await store.accept(accepted(request_id, request_id))
    first = await store.begin_attempt(request_id, "A", SHOWN)
    assert first
    told = AttemptEnd(
        first, Outcome.UPSTREAM_ERROR, 529, usage=msgspec.json.encode({"a": 1}).decode()
    )
    await store.close_attempt(request_id, told)
    second = await store.begin_attempt(request_id, "A", SHOWN)
    assert second
    exchange = Exchange(request_id, parse(message(stream=True)), b"/v1/messages", ())
    await estimate_crashed(store, journal, exchange, second, 500)
    assert (await store.read_attempts(request_id))[0].usage == {"a": 1}
