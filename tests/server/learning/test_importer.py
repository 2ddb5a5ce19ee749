"""A folder of transcripts becomes memories: once, without secrets, and not of who opted out."""

from pathlib import Path
from random import Random

import pytest

from palimpsest.learning.importer import ImportReport, TranscriptImporter
from palimpsest.memory.model import Kind, MemoryFilter
from palimpsest.memory.permission import Permission
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.opt_outs import OptOuts
from tests.support.planted_secrets import FORMS
from tests.support.stored_memories import TENANT
from tests.support.transcripts import (
    CWD,
    Session,
    call,
    mended,
    result,
    write,
)

SOME_LINES = "a line of output\n" * 70


@pytest.fixture
def store(database: Database) -> MemoryStore:
    return MemoryStore(database, TENANT)


@pytest.fixture
def permission(database: Database) -> Permission:
    return Permission(OptOuts(database, TENANT), "/private")


@pytest.fixture
def importer(store: MemoryStore, permission: Permission, database: Database) -> TranscriptImporter:
    return TranscriptImporter(store, permission, ConversationStore(database, TENANT), TENANT)


async def everything(importer: TranscriptImporter, folder: Path) -> list[ImportReport]:
    return [found async for found in importer.import_folder(folder)]


async def test_turns_are_filed_once(
    importer: TranscriptImporter, store: MemoryStore, tmp_path: Path
) -> None:
    write(tmp_path, "one", mended(Session()))
    [first] = await everything(importer, tmp_path)
    assert (first.outcome, first.messages) == ("taken", 8)
    turns = await store.list_page(MemoryFilter(kind=Kind.TURN))
    assert len(turns) == first.turns >= 5
    assert {memory.project for memory in turns} == {CWD}
    assert {memory.conversation for memory in turns} == {
        "import_11111111-2222-3333-4444-555555555555"
    }
    assert any("make the linter happy" in memory.text for memory in turns)
    [again] = await everything(importer, tmp_path)
    assert (again.turns, again.learned) == (0, 0)
    gone = turns[0]
    await store.forget(MemoryFilter(ids=(gone.id,)))
    [after] = await everything(importer, tmp_path)
    assert after.turns == 0
    assert await store.get([gone.id]) == []


async def test_two_sessions_bear_a_fix_out(
    importer: TranscriptImporter, store: MemoryStore, tmp_path: Path
) -> None:
    write(tmp_path, "one", mended(Session("a" * 8)))
    [first] = await everything(importer, tmp_path)
    assert first.learned >= 1
    fixes = await store.list_page(MemoryFilter(kind=Kind.FIX))
    assert [memory.conversations for memory in fixes] == [1]
    write(tmp_path, "two", mended(Session("b" * 8), "the linter complains"))
    await everything(importer, tmp_path)
    await everything(importer, tmp_path)
    assert [
        memory.conversations for memory in await store.list_page(MemoryFilter(kind=Kind.FIX))
    ] == [2]


async def test_a_resumed_session_bears_nothing_out(
    importer: TranscriptImporter, store: MemoryStore, tmp_path: Path
) -> None:
    write(tmp_path, "one", mended(Session("a" * 8)))
    await everything(importer, tmp_path)
    resumed = mended(Session("b" * 8))
    resumed.user("go on")
    write(tmp_path, "two", resumed)
    [_, second] = await everything(importer, tmp_path)
    assert (second.turns, second.learned) == (1, 0)
    assert [
        memory.conversations for memory in await store.list_page(MemoryFilter(kind=Kind.FIX))
    ] == [1]


async def test_the_rest_is_told_of(
    importer: TranscriptImporter, store: MemoryStore, permission: Permission, tmp_path: Path
) -> None:
    hidden = Session("c" * 8)
    hidden.user("not to be kept", cwd="/private/x")
    write(tmp_path, "hidden", hidden, age=30)
    write(tmp_path, "empty", Session(), age=20)
    write(tmp_path, "agent-1", mended(Session("d" * 8)))
    await permission.opt_out_project("/opted/out")
    opted = Session("e" * 8)
    opted.user("nor this", cwd="/opted/out")
    write(tmp_path, "opted", opted, age=10)
    found = await everything(importer, tmp_path)
    assert [one.outcome for one in found] == ["opted_out", "nothing", "opted_out"]
    assert await store.count() == 0


@pytest.mark.parametrize("form", FORMS)
async def test_no_secret_is_filed(
    importer: TranscriptImporter, store: MemoryStore, tmp_path: Path, form: str
) -> None:
    secret = FORMS[form](Random(form))
    session = Session()
    session.user(f"the key is\n{secret}\nuse it")
    session.assistant("msg_1", call(1, command=f"export X='{secret}'", password="hunter2"))
    session.user([result(1, SOME_LINES + f"X={secret}\n" + SOME_LINES)])
    write(tmp_path, "one", session)
    [found] = await everything(importer, tmp_path)
    assert found.turns >= 3
    for memory in await store.list_page():
        assert not any(line in memory.text for line in secret.split("\n"))
        assert "hunter2" not in memory.text
