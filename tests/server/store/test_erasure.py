"""What a person erases is gone at once, and nothing else is."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from palimpsest.exchanges.registry import read_body
from palimpsest.memory.model import MemoryFilter
from palimpsest.runtime.errors import NotFound
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.epochs import EpochStore
from palimpsest.store.postgres.erasure import Erasure, ErasureCounts
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.requests import RequestStore
from tests.support.requests import body_of, eventually, message
from tests.support.stored_epochs import epoch
from tests.support.stored_memories import PROJECT, TENANT, turn
from tests.support.stored_requests import accept, settle
from tests.support.tables import counts, noise

EVERYWHERE = ("requests", "attempts", "blobs", "nodes", "heads", "conversations", "epochs")


@pytest.fixture
def erasure(database: Database) -> Erasure:
    return Erasure(database, TENANT)


async def exchange(store: RequestStore, body: bytes, conversation: str, **changes: Any) -> str:
    request_id = await accept(store, body)
    answer = b'{"answer": "%b"}' % request_id.encode()
    await settle(store, request_id, body, answer, conversation_id=conversation, **changes)
    return request_id


async def stored(database: Database, table: str) -> int:
    [row] = await database.run(text(f"SELECT count(*) AS n FROM {table}"))
    return row["n"]


async def test_a_conversation_goes_with_all_that_only_it_refers_to(
    database: Database, erasure: Erasure
) -> None:
    shared = {"role": "user", "content": "shared " * 50}
    own = {"role": "user", "content": "own " * 50}
    store = RequestStore(database)
    gone = await exchange(store, body_of(shared, own), "conv_gone")
    kept_body = body_of(shared, {"role": "user", "content": "kept"})
    kept = await exchange(store, kept_body, "conv_kept")
    ledger = EpochStore(database, TENANT)
    await ledger.record(epoch(b"e" * 32, 2), "on", "conv_gone", gone)
    erased = await erasure.erase(MemoryFilter(conversation="conv_gone"))
    assert erased == ErasureCounts(requests=1, conversations=1, epochs=1, messages=1, blobs=2)
    assert erased.counts()["blobs"] == 2
    with pytest.raises(NotFound):
        await read_body(store, gone)
    assert await read_body(store, kept) == kept_body
    assert await erasure.count_remaining(MemoryFilter(conversation="conv_gone")) == 0
    assert await erasure.count_remaining(MemoryFilter(conversation="conv_kept")) == 2
    assert await erasure.erase(MemoryFilter(conversation="conv_gone")) == ErasureCounts()


async def test_everything_leaves_nothing(database: Database, erasure: Erasure) -> None:
    store = RequestStore(database)
    for number in range(3):
        request = await exchange(store, message(f"{noise(300, number)}"), f"conv_{number}")
        await EpochStore(database, TENANT).record(
            epoch(bytes([number]) * 32, 1), "observe", f"conv_{number}", request
        )
    await erasure.erase(MemoryFilter())
    assert {table: await stored(database, table) for table in EVERYWHERE} == dict.fromkeys(
        EVERYWHERE, 0
    )


async def test_a_project_is_erased_alone(database: Database, erasure: Erasure) -> None:
    store = RequestStore(database)
    await exchange(store, message("a"), "conv_a")
    other = await exchange(store, message("b"), "conv_b")
    await database.run(text("UPDATE conversations SET project = '/a' WHERE id = 'conv_a'"))
    assert (await erasure.erase(MemoryFilter(project="/a"))).requests == 1
    assert await erasure.count_remaining(MemoryFilter(project="/a")) == 0
    assert await read_body(store, other) == message("b")


async def in_session(database: Database, session: str, *request_ids: str, main: bool) -> None:
    """As if these requests had come with the client's session."""
    await database.run(
        text("UPDATE requests SET headers = CAST(:headers AS jsonb) WHERE id = ANY(:ids)"),
        {"headers": f'[["X-Claude-Code-Session-Id", "{session}"]]', "ids": list(request_ids)},
    )
    if main:
        await database.run(
            text("UPDATE heads SET session = '\\x01' WHERE request_id = ANY(:ids)"),
            {"ids": list(request_ids)},
        )


async def test_sub_agents_and_side_calls_of_its_session_go_along(
    database: Database, erasure: Erasure
) -> None:
    store = RequestStore(database)
    main = await exchange(store, message("main"), "conv_main")
    other = await exchange(store, message("another main line"), "conv_other")
    agent = await exchange(store, message("sub-agent"), "conv_agent")
    apart = await exchange(store, message("apart"), "conv_apart")
    await in_session(database, "s1", main, other, main=True)
    await in_session(database, "s1", agent, main=False)
    await in_session(database, "s2", apart, main=False)
    open_ = await accept(store, message("title, under way"))
    await in_session(database, "s1", open_, main=False)
    await database.run(text("UPDATE conversations SET project = '/a' WHERE id = 'conv_main'"))
    erased = await erasure.erase(MemoryFilter(project="/a"))
    assert (erased.requests, erased.sessions, erased.beside) == (2, ("s1",), ("conv_agent",))
    assert await erasure.count_remaining(MemoryFilter(project="/a")) == 0
    assert await erasure.count_remaining(MemoryFilter(project="/a"), erased.sessions) == 1
    for kept in (other, apart):
        assert await read_body(store, kept)


async def test_requests_that_are_marked_as_delivered_just_now_go_too(
    database: Database, erasure: Erasure
) -> None:
    store, which = RequestStore(database), MemoryFilter(conversation="conv_a")
    both = [await exchange(store, message(words), "conv_a") for words in ("one", "other")]
    await in_session(database, "s1", *both, main=True)
    engine = database.engine()
    async with engine.begin() as delivering:
        mark = text("UPDATE requests SET delivered_at = now() WHERE id = ANY(:ids)")
        await delivering.execute(mark, {"ids": both})
        erasing = asyncio.create_task(erasure.erase(which))
        await eventually(lambda: database.run(_WAITING), bool)
    await engine.dispose()
    assert (await erasing).requests == 2
    assert await erasure.count_remaining(which) == 0


_WAITING = text("SELECT 1 FROM pg_locks WHERE NOT granted")


async def test_by_age_a_conversation_that_goes_on_stays(
    database: Database, erasure: Erasure
) -> None:
    store = RequestStore(database)
    old = await exchange(store, message("old"), "conv_a")
    await database.run(text("UPDATE requests SET accepted_at = now() - interval '2 days'"))
    young = await exchange(store, message("young"), "conv_a")
    [row] = await database.run(text("SELECT now() - interval '1 day' AS day_ago"))
    which = MemoryFilter(before=row["day_ago"])
    assert (await erasure.erase(which)).requests == 1
    with pytest.raises(NotFound):
        await read_body(store, old)
    assert await read_body(store, young) == message("young")
    assert await stored(database, "conversations") == 1
    assert await erasure.count_remaining(which) == 0


async def test_a_request_under_way_stays_and_is_told_of(
    database: Database, erasure: Erasure
) -> None:
    store = RequestStore(database)
    await accept(store, message("open"))
    assert await erasure.erase(MemoryFilter()) == ErasureCounts()
    assert await erasure.count_remaining(MemoryFilter()) == 1


async def test_what_others_are_sent_by_stays(database: Database, erasure: Erasure) -> None:
    store = RequestStore(database)
    first = await exchange(store, message("first"), "conv_a")
    second = await exchange(store, message("second"), "conv_b")
    ledger = EpochStore(database, TENANT)
    await ledger.record(epoch(b"e" * 32, 1), "on", "conv_a", first)
    await database.run(
        text("UPDATE heads SET applied_epoch = :chain WHERE request_id = :id"),
        {"chain": b"e" * 32, "id": second},
    )
    assert (await erasure.erase(MemoryFilter(conversation="conv_a"))).epochs == 0
    assert (await erasure.erase(MemoryFilter(conversation="conv_b"))).epochs == 1
    assert await stored(database, "epochs") == 0


async def test_who_learns_from_it_just_now_keeps_nothing(
    database: Database, erasure: Erasure
) -> None:
    await exchange(RequestStore(database), message("a"), "conv_1")
    await erasure.erase(MemoryFilter(conversation="conv_1"))
    memories = MemoryStore(database, TENANT)
    assert await memories.save([turn("read before, saved after", 1)]) == 0
    assert await memories.save([turn("imported", 1)], revive=True) == 1
    assert await memories.count(MemoryFilter(project=PROJECT)) == 1


async def test_what_was_stored_lately_is_stored_again(database: Database, erasure: Erasure) -> None:
    """The client goes on with a history whose beginning was erased a moment ago."""
    first = {"role": "user", "content": "first " * 50}
    store, other = RequestStore(database), RequestStore(database)
    for each in (store, other):
        await exchange(each, body_of(first, system="s" * 2000), "conv_a")
    await erasure.erase(MemoryFilter(conversation="conv_a"))
    assert (await counts(database))["blobs"] == 0
    for number, each in enumerate((store, other, store)):
        more = {"role": "user", "content": f"more {number}"}
        body = body_of(first, more, system="s" * 2000)
        assert await read_body(each, await accept(each, body)) == body


async def test_it_races_with_accepts(database: Database, erasure: Erasure) -> None:
    stores = [RequestStore(database) for _ in range(3)]
    bodies = [
        body_of(*({"role": "user", "content": f"{noise(300, n)} {i}"} for i in range(n + 1)))
        for n in range(5)
    ]
    for store in stores:
        for body in bodies:
            await exchange(store, body, "conv_a")

    async def accepting(store: RequestStore) -> list[tuple[str, bytes]]:
        return [(await accept(store, body), body) for body in bodies * 4]

    async def erasing() -> None:
        for _ in range(8):
            await erasure.erase(MemoryFilter())

    *accepted, _ = await asyncio.gather(*(accepting(store) for store in stores), erasing())
    for request_id, body in (pair for pairs in accepted if pairs for pair in pairs):
        assert await read_body(stores[0], request_id) == body
