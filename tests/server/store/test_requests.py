"""The life of a request in the database."""

import asyncio
import random
from typing import Any

import pytest
from sqlalchemy import text

from palimpsest.exchanges.model import Outcome
from palimpsest.exchanges.registry import read_body
from palimpsest.forwarding.model import Lease
from palimpsest.runtime.errors import NotFound
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.requests import body_of, message
from tests.support.stored_requests import (
    NO_USAGE,
    accept,
    begin,
    settle,
    settlement,
)


async def rows(database: Database, table: str) -> int:
    return (await database.run(text(f"SELECT count(*) AS n FROM {table}")))[0]["n"]


async def test_what_was_captured_comes_back_byte_for_byte(database: Database) -> None:
    store = RequestStore(database)
    bodies = [
        message("plain"),
        b' {"messages" :[ {"role":"user","content":"a"} ,\n{"role":"user","content":"b"}], '
        b'"model":"m","system":[{"type":"text","text":"%b"}],"tools":[ {"name":"t"}] }\n'
        % (b"s" * 2000),
        message("x" * 300_000, system="y" * 10_000),
    ]
    for body in bodies:
        request_id = await accept(store, body)
        answer = b"answer of " + request_id.encode() + bytes(range(256)) * 600
        await settle(store, request_id, body, answer)
        assert await read_body(RequestStore(database), request_id) == body
        assert (await store.read_answer(request_id)).content == answer


async def test_unknown_ids(database: Database) -> None:
    store = RequestStore(database)
    for read in (store.read_request, store.read_body, store.read_answer):
        with pytest.raises(NotFound):
            await read("req_none")
    assert await begin(store, "req_none") is None
    assert await store.end_without_answer("req_none", Outcome.FAILED, 500, "why") is False


async def test_attempts_are_numbered_and_a_crashed_one_is_closed(database: Database) -> None:
    store = RequestStore(database)
    request_id = await accept(store, message())
    leases = [await begin(store, request_id, f"p{n}") for n in range(3)]
    assert leases == [Lease(n, n) for n in (1, 2, 3)]
    assert (await store.read_request(request_id)).state == "forwarding"
    await settle(store, request_id, message(), b"{}")
    attempts = await store.read_attempts(request_id)
    assert [attempt.outcome for attempt in attempts] == ["unknown"] * 3 + ["answered"]
    assert all(attempt.closed_at for attempt in attempts)


async def test_an_end_stands(database: Database) -> None:
    """The first end of a request is its end, whoever comes later."""
    store = RequestStore(database)
    request_id = await accept(store, message())
    assert await store.end_without_answer(request_id, Outcome.ABANDONED, 499, "the client left")
    assert not await store.end_without_answer(request_id, Outcome.FAILED, 500, "late")
    assert await begin(store, request_id, "late") is None
    row = await store.read_request(request_id)
    assert (row.state, row.outcome, row.status) == ("ended", "abandoned", 499)


async def test_settling_twice_counts_once(database: Database) -> None:
    store = RequestStore(database)
    request_id = await accept(store, message())
    await settle(store, request_id, message(), b"{}")
    row = await store.read_request(request_id)
    conversations = await database.run(text("SELECT * FROM conversations"))
    await store.settle(settlement(request_id, Lease(1, 1), message(), b"other", outcome="failed"))
    assert await store.read_request(request_id) == row
    assert await database.run(text("SELECT * FROM conversations")) == conversations
    assert (await store.read_answer(request_id)).content == b"{}"


async def test_values_no_column_takes_are_an_error_at_once(database: Database) -> None:
    store = RequestStore(database)
    request_id = await accept(store, message())
    with pytest.raises(Exception, match="int64"):
        await asyncio.wait_for(
            settle(store, request_id, message(), b"{}", counted_tokens=2**63), timeout=5
        )


async def test_any_count_of_tokens_is_kept(database: Database) -> None:
    store = RequestStore(database)
    request_id = await accept(store, message())
    usage = {**NO_USAGE, "input_tokens": 2**40, "output_tokens": 2**31, "input_total": 2**40}
    await settle(store, request_id, message(), b"{}", usage=usage, counted_tokens=2**33)
    row = await store.read_request(request_id)
    assert (row.input_tokens, row.output_tokens) == (2**40, 2**31)
    assert row.counted_tokens == 2**33
    assert row.response_bytes == 2


async def test_the_same_content_at_the_same_time_does_not_deadlock(database: Database) -> None:
    """Many processes accept histories that overlap, in every order."""
    messages = [{"role": "user", "content": f"message {n} " * 30} for n in range(40)]
    bodies = [body_of(*messages[:length]) for length in (40, 7, 23, 31, 12, 40)]

    async def one(seed: int) -> None:
        store = RequestStore(database)
        order = random.Random(seed).sample(bodies, len(bodies))
        for body in order:
            await settle(store, await accept(store, body), body, b"the same answer" * 20)

    await asyncio.gather(*(one(seed) for seed in range(10)))
    assert await rows(database, "requests") == 60
    assert await rows(database, "nodes") == 40


async def test_a_conversation_stores_what_is_new(database: Database) -> None:
    """60 turns as Claude Code sends them: the marker moves, the last message turns into a string.

    What was `[{text, cache_control}]` is a plain string one turn later.
    """
    store = RequestStore(database)
    system = [{"type": "text", "text": f"part {n} " * 400} for n in range(3)]
    tools = [{"name": f"tool{n}", "description": "does " * 300} for n in range(10)]
    history: list[dict[str, Any]] = []
    sizes: list[int] = []
    sent = 0
    for turn in range(60):
        words = " ".join(random.Random(turn).choices(WORDS, k=120))
        marked = [{"type": "text", "text": words, "cache_control": {"type": "ephemeral"}}]
        body = body_of(*history, {"role": "user", "content": marked}, system=system, tools=tools)
        await settle(store, await accept(store, body), body, words.encode() * 3)
        history += [
            {"role": "user", "content": words},
            {"role": "assistant", "content": [{"type": "text", "text": words[::-1]}]},
        ]
        sent += len(body)
        [found] = await database.run(STORED)
        sizes.append(int(found["size"]))
    first, second = sizes[29] - sizes[9], sizes[59] - sizes[39]
    assert second < 1.3 * first, "the growth of a turn grows with the conversation"
    assert sizes[-1] < sent / 10
    assert (sizes[-1] - sizes[0]) / 59 < 8_000


WORDS = [f"word{n}" for n in range(3000)]
STORED = text("""
SELECT (SELECT sum(pg_column_size(b.*)) FROM blobs b)
     + (SELECT sum(pg_column_size(n.*)) FROM nodes n)
     + (SELECT sum(pg_column_size(r.*)) FROM requests r) AS size
""")
