"""What is known: kept once, followed by a cursor, gone for good when a person says so."""

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from sqlalchemy import text

from palimpsest.memory.model import (
    Cursor,
    Fix,
    Kind,
    MemoryChanges,
    MemoryFilter,
    PageMark,
    injectable,
)
from palimpsest.runtime.errors import BadRequest, NotFound
from palimpsest.store.postgres.database import Database, normalised
from palimpsest.store.postgres.memories import MemoryStore
from tests.support.stored_memories import (
    PROJECT,
    SAID_AT,
    TENANT,
    fix,
    pattern,
    settled_changes,
    turn,
)


@pytest.fixture
def store(database: Database) -> MemoryStore:
    return MemoryStore(database, TENANT)


async def everything_since(
    store: MemoryStore, database: Database, cursor: Cursor, limit: int = 1000
) -> MemoryChanges:
    """Follow the store until there is nothing new, as an index does."""
    found = await settled_changes(store, database, cursor, limit)
    seen = found
    while (found := await store.read_changes(seen.cursor, limit)).cursor != seen.cursor:
        seen = MemoryChanges(
            seen.memories + found.memories, seen.forgotten + found.forgotten, found.cursor
        )
    return seen


async def test_what_is_saved_is_read_as_it_was(store: MemoryStore) -> None:
    given = [
        turn("what is\0 😀", 1),
        pattern("before a commit", files=("a.py", "b, c.py"), language="python"),
        fix("ModuleNotFoundError: No module named <q>", confidence=0.25),
    ]
    assert await store.save(given) == 3
    found = await store.get([memory.id for memory in given])
    assert found == [msgspec.structs.replace(given[0], text="what is\ufffd 😀"), *given[1:]]


async def test_another_tenant_sees_nothing(store: MemoryStore, database: Database) -> None:
    mine = turn("mine", 1)
    await store.save([mine])
    other = MemoryStore(database, "other")
    assert await other.get([mine.id]) == []
    assert await other.list_page() == []
    assert await other.save([turn("not of this tenant", 2)]) == 0
    assert await other.forget(MemoryFilter(), everything=True) == []
    assert await store.count() == 1


async def test_saving_again_adds_nothing(store: MemoryStore, database: Database) -> None:
    given = [turn(f"turn {number}", number) for number in range(1100)]
    assert await store.save(given) == 1100
    before = (await everything_since(store, database, Cursor())).cursor
    assert await store.save(given) == 0
    assert await everything_since(store, database, before) == MemoryChanges(cursor=before)


async def test_a_second_conversation_bears_a_fix_out(store: MemoryStore) -> None:
    first = fix("KeyError: <q>", conversation="conv_1")
    await store.save([first, first])
    [known] = await store.get([first.id])
    assert known.conversations == 1
    assert not injectable(known)
    later = SAID_AT + timedelta(days=1)
    again = fix("KeyError: <q>", conversation="conv_2", said_at=later)
    assert again.id == first.id
    assert await store.save([again]) == 0
    [known] = await store.get([first.id])
    assert (known.conversations, known.said_at, known.conversation) == (2, later, "conv_1")
    assert injectable(known)
    await store.record_sighting(first.id, "conv_2")
    await store.record_sighting(first.id, "conv_3")
    assert (await store.get([first.id]))[0].conversations == 3


async def test_learning_again_takes_no_edit_back(store: MemoryStore) -> None:
    learned = fix("KeyError: <q>")
    await store.save([learned])
    detail = Fix("KeyError: <q>", "KeyError: 'a'", "use .get")
    edited = await store.edit(
        learned.id, text="better", detail=detail, confidence=0.9, confirmed=True
    )
    assert (edited.text, edited.detail, edited.confidence) == ("better", detail, 0.9)
    await store.save([fix("KeyError: <q>", conversation="conv_2")])
    [known] = await store.get([learned.id])
    assert known.confirmed
    assert (known.text, known.detail, known.conversations) == ("better", detail, 2)
    with pytest.raises(NotFound):
        await store.edit("mem_none", text="x")


async def test_outcomes_and_uses_are_counted(store: MemoryStore) -> None:
    learned = pattern("before a commit")
    await store.save([learned])
    await store.record_outcome(learned.id, True)
    await store.record_outcome(learned.id, False)
    await store.record_outcome(learned.id, False)
    await store.record_use([learned.id, "mem_none"])
    [known] = await store.get([learned.id])
    assert (known.successes, known.failures, known.uses) == (1, 2, 1)


async def test_pages_go_on_where_they_ended(store: MemoryStore) -> None:
    same_time = [turn(f"Turn {number}", number, project=f"/p/{number % 2}") for number in range(7)]
    await store.save(same_time)
    seen: list[str] = []
    after = None
    while page := await store.list_page(limit=3, after=after):
        seen += [memory.text for memory in page]
        after = PageMark(page[-1].said_at, page[-1].id)
        # What goes in between does not disturb.
        await store.forget(MemoryFilter(ids=(page[-1].id,)))
    assert seen == [f"Turn {number}" for number in reversed(range(7))]


async def test_a_list_can_be_narrowed(store: MemoryStore) -> None:
    await store.save([turn("Ask 100%", 1), turn("b", 2, project="/other"), pattern("c")])

    async def texts(which: MemoryFilter, words: str | None = None) -> set[str]:
        return {memory.text for memory in await store.list_page(which, words=words)}

    assert await texts(MemoryFilter(kind=Kind.TURN)) == {"Ask 100%", "b"}
    assert await texts(MemoryFilter(project="/other")) == {"b"}
    assert await texts(MemoryFilter(conversation="conv_2")) == set()
    assert await texts(MemoryFilter(before=SAID_AT + timedelta(minutes=2))) == {
        "Ask 100%",
        "c: make test",
    }
    assert await texts(MemoryFilter(), "aSK 100%") == {"Ask 100%"}
    assert await texts(MemoryFilter(), "1_0") == set()
    assert await store.count(MemoryFilter(kind=Kind.TURN, project=PROJECT)) == 1


async def test_what_a_person_deleted_stays_deleted(store: MemoryStore, database: Database) -> None:
    deleted, stale = turn("delete me", 1), pattern("stale")
    await store.save([deleted, stale])
    assert await store.forget(MemoryFilter(ids=(deleted.id,))) == [deleted.id]
    assert await store.forget(MemoryFilter(ids=(stale.id,)), final=False) == [stale.id]
    assert await store.save([deleted, stale]) == 1
    assert [memory.id for memory in await store.list_page()] == [stale.id]
    assert await store.save([deleted], revive=True) == 1
    seen = await everything_since(store, database, Cursor())
    assert {memory.id for memory in seen.memories} == {deleted.id, stale.id}
    assert seen.forgotten == []


async def test_nothing_is_forgotten_by_mistake(store: MemoryStore) -> None:
    await store.save([turn("a", 1), turn("b", 2)])
    with pytest.raises(BadRequest):
        await store.forget(MemoryFilter())
    assert await store.forget(MemoryFilter(ids=())) == []
    assert await store.count() == 2
    assert len(await store.forget(MemoryFilter(), everything=True)) == 2


async def test_a_conversation_goes_and_what_others_bore_out_may_come_back(
    store: MemoryStore,
) -> None:
    shared = fix("KeyError: <q>", conversation="conv_1")
    of_another = fix("TypeError", conversation="conv_2")
    await store.save([turn("a", 1), pattern("only here"), shared, of_another])
    await store.record_sighting(shared.id, "conv_2")
    await store.record_sighting(of_another.id, "conv_1")
    gone = await store.forget(MemoryFilter(conversation="conv_1"))
    assert len(gone) == 3
    [left] = await store.list_page()
    assert (left.id, left.conversations) == (of_another.id, 1)
    assert await store.save([pattern("only here")]) == 0
    assert await store.save([fix("KeyError: <q>", conversation="conv_2")]) == 1


async def test_an_index_that_follows_misses_nothing(store: MemoryStore, database: Database) -> None:
    given = [turn(f"turn {number}", number) for number in range(25)]
    await store.save(given)
    first = await settled_changes(store, database, Cursor(), 10)
    assert len(first.memories) == 10
    await store.forget(MemoryFilter(ids=(first.memories[0].id,)))
    await store.edit(first.memories[1].id, text="edited")
    rest = await everything_since(store, database, first.cursor, limit=7)
    assert rest.forgotten == [first.memories[0].id]
    assert len(rest.memories) == 15 + 1
    assert rest.memories[-1].text == "edited"


async def test_what_a_slow_writer_commits_later_is_not_passed_by(
    store: MemoryStore, database: Database, url: str
) -> None:
    slow = await asyncpg.connect(normalised(url, "postgresql"))
    try:
        transaction = slow.transaction()
        await transaction.start()
        await slow.execute("INSERT INTO forgotten (id, final) VALUES ('mem_slow', true)")
        await store.save([turn("fast", 1)])
        assert await store.read_changes(Cursor(), 10) == MemoryChanges()
        await transaction.commit()
        seen = await settled_changes(store, database, Cursor(), 10)
        assert seen.forgotten == ["mem_slow"]
        assert [memory.text for memory in seen.memories] == ["fast"]
    finally:
        await slow.close()


async def test_fixes_are_found_by_their_signature_and_by_words(store: MemoryStore) -> None:
    weak = fix("KeyError: <q>", project="/other")
    await store.save([weak, fix("TypeError: cannot add", project="/other"), fix("KeyError: <q>")])
    await store.record_sighting(weak.id, "conv_9")
    assert [m.project for m in await store.find_fixes("KeyError: <q>")] == ["/other", PROJECT]
    assert [m.project for m in await store.find_fixes("KeyError: <q>", PROJECT)] == [PROJECT]
    assert await store.find_fixes("KeyError") == []
    [found] = await store.find_by_words("a TypeError & (was raised): cannot!", kind=Kind.FIX)
    assert found.text.startswith("TypeError")
    assert await store.find_by_words("'' !!", kind=Kind.FIX) == []
    assert await store.find_by_words("TypeError", project=PROJECT) == []


async def test_those_who_opted_out_are_not_kept(store: MemoryStore, database: Database) -> None:
    await database.run(
        text("INSERT INTO unremembered (tenant, scope, name) VALUES (:tenant, :scope, :name)"),
        {"tenant": TENANT, "scope": "conversation", "name": "conv_1"},
    )
    assert await store.save([turn("a", 1), turn("b", 2, conversation="conv_2")]) == 1
    assert await store.count(MemoryFilter(conversation="conv_1")) == 0


async def test_many_save_the_same_at_once(store: MemoryStore) -> None:
    given = [pattern(f"trigger {number}") for number in range(40)]
    saved = await asyncio.gather(*(store.save(given) for _ in range(8)))
    assert sum(saved) == 40
    assert all(memory.conversations == 1 for memory in await store.get([m.id for m in given]))
