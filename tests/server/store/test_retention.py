"""Captured content goes when its time or its room is over; the last hour is spared."""

import asyncio

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from palimpsest.exchanges.registry import read_body
from palimpsest.runtime.errors import Expired, NotFound
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.postgres.retention import Retention
from tests.support.requests import body_of, message
from tests.support.stored_memories import TENANT, fix
from tests.support.stored_requests import accept, settle
from tests.support.tables import age, counts, noise


async def exchange(store: RequestStore, body: bytes) -> str:
    request_id = await accept(store, body)
    await settle(store, request_id, body, b'{"answer": "%b"}' % request_id.encode())
    return request_id


async def test_by_age_everything_goes(database: Database) -> None:
    store = RequestStore(database)
    old = await exchange(store, message("old " * 100, system="s" * 1000))
    await age(database, 24 * 31)
    fresh = await exchange(RequestStore(database), message("fresh"))
    await Retention(database, 30, 10**12).sweep()
    with pytest.raises(NotFound):
        await read_body(store, old)
    assert await read_body(store, fresh) == message("fresh")
    assert (await store.read_answer(fresh)).content
    assert await counts(database) == {
        "requests": 1,
        "attempts": 1,
        "blobs": 2,
        "nodes": 1,
        "heads": 1,
        "conversations": 1,
    }


async def test_what_a_younger_request_shares_stays(database: Database) -> None:
    first = {"role": "user", "content": "shared " * 100}
    old_body = body_of(first)
    new_body = body_of(
        first, {"role": "assistant", "content": "a"}, {"role": "user", "content": "b"}
    )
    store = RequestStore(database)
    await exchange(store, old_body)
    await age(database, 24 * 31)
    young = await exchange(RequestStore(database), new_body)
    await age(database, 2)
    await Retention(database, 30, 10**12).sweep()
    assert await read_body(store, young) == new_body
    assert (await counts(database))["requests"] == 1


async def test_an_open_request_is_never_swept(database: Database) -> None:
    store = RequestStore(database)
    body = message("still open")
    open_ = await accept(store, body)
    await age(database, 24 * 365)
    await Retention(database, 30, 0).sweep()
    assert await read_body(store, open_) == body


async def test_by_size_the_oldest_go_first(database: Database) -> None:
    store = RequestStore(database)
    ids: list[str] = []
    for number in range(6):
        ids.append(await exchange(store, message(noise(200_000, number))))
        await age(database, 2, ids[-1])
    await age(database, 2)
    retention = Retention(database, 30, 10**12)
    before = await retention.stored_bytes()
    assert before > 700_000
    for position, request_id in enumerate(ids):
        await age(database, 100 - position, request_id)
    batch = Retention(database, 30, before // 2, batch=2)
    await batch.sweep()
    assert await batch.stored_bytes() <= before // 2
    kept = [row["id"] for row in await database.run(text("SELECT id FROM requests"))]
    assert set(kept) == set(ids[-len(kept) :])
    assert 2 <= len(kept) < 6


async def test_the_last_hour_is_spared_even_over_the_cap(database: Database) -> None:
    store = RequestStore(database)
    body = message(noise(50_000, 1))
    recent = await exchange(store, body)
    with capture_logs() as logs:
        await Retention(database, 0.001, 1).sweep()
    assert await read_body(store, recent) == body
    assert [entry["log_level"] for entry in logs] == ["warning"]


async def test_a_missing_part_is_said_to_have_expired(database: Database) -> None:
    store = RequestStore(database)
    request_id = await exchange(store, message("gone"))
    await database.run(text("DELETE FROM blobs"))
    with pytest.raises(Expired):
        await read_body(store, request_id)
    with pytest.raises(Expired):
        await store.read_answer(request_id)


async def test_a_sweep_races_with_accepts(database: Database) -> None:
    """Whatever was accepted is whole, though its content was about to be swept."""
    stores = [RequestStore(database) for _ in range(4)]
    bodies = [
        body_of(*({"role": "user", "content": f"{noise(400, n)} {i}"} for i in range(n + 1)))
        for n in range(6)
    ]
    for body in bodies:
        await exchange(stores[0], body)
    await age(database, 24 * 31)
    retention = Retention(database, 30, 10**12)

    async def accepting(store: RequestStore) -> list[tuple[str, bytes]]:
        return [(await accept(store, body), body) for body in bodies * 3]

    async def sweeping() -> None:
        for _ in range(12):
            await retention.sweep()

    *accepted, _ = await asyncio.gather(
        *(accepting(RequestStore(database)) for _ in range(4)), sweeping()
    )
    for request_id, body in (pair for pairs in accepted if pairs for pair in pairs):
        assert await read_body(stores[0], request_id) == body


async def test_what_was_learned_has_no_age_and_leaves_no_traces(database: Database) -> None:
    store = MemoryStore(database, TENANT)
    kept, dropped = fix("KeyError", conversation="conv_1"), fix("TypeError", conversation="conv_1")
    await store.save([kept, dropped])
    await exchange(RequestStore(database), message("a"))
    await database.run(
        text("""INSERT INTO segments (chain, conversation_id, depth)
        SELECT chain, conversation_id, depth FROM heads
        UNION ALL SELECT '\\x01', 'conv_gone', 1""")
    )
    await database.run(text("DELETE FROM memories WHERE id = :id"), {"id": dropped.id})
    for table, column in (("sightings", "seen_at"), ("segments", "learned_at")):
        await database.run(text(f"UPDATE {table} SET {column} = now() - interval '90 days'"))
    await database.run(text("UPDATE memories SET said_at = now() - interval '9 years'"))
    await Retention(database, 30, 10**12).sweep()
    assert await store.get([kept.id])
    seen = await database.run(text("SELECT memory_id FROM sightings"))
    assert [row["memory_id"] for row in seen] == [kept.id]
    segments = await database.run(text("SELECT conversation_id FROM segments"))
    assert len(segments) == 1
    assert segments[0]["conversation_id"] != "conv_gone"
