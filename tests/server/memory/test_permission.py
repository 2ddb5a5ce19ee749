"""Who opted out is neither kept nor shown; who did not is."""

from pathlib import Path

import pytest

from palimpsest.memory.permission import Permission
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.opt_outs import OptOuts
from tests.support.stored_memories import (
    PROJECT,
    TENANT,
    pattern,
    turn,
)


@pytest.fixture
def unremembered(database: Database) -> OptOuts:
    return OptOuts(database, TENANT)


@pytest.mark.parametrize(
    ("patterns", "project", "allowed"),
    [
        ("", PROJECT, True),
        ("", "", True),
        ("/home/me/project", PROJECT, False),
        ("/home/me/project/", PROJECT, False),
        ("/home/me/proj", PROJECT, True),
        ("/home/me", PROJECT, False),
        ("/home/*/project", PROJECT, False),
        ("/elsewhere, */project", PROJECT + "/inner", False),
        ("*", "", True),
        (" , ", PROJECT, True),
        ("/home/me/[a-c]*", PROJECT, True),
    ],
)
async def test_a_pattern_stands_for_all_below_it(
    unremembered: OptOuts, patterns: str, project: str, allowed: bool
) -> None:
    assert await Permission(unremembered, patterns).allows(project, "conv_1") is allowed


async def test_a_home_is_meant_by_its_tilde(unremembered: OptOuts) -> None:
    permission = Permission(unremembered, "~/private")
    assert not await permission.allows(str(Path.home() / "private/x"), "conv_1")


async def test_opting_out_is_for_good(unremembered: OptOuts) -> None:
    permission = Permission(unremembered, "")
    await permission.opt_out_conversation("conv_1")
    await permission.opt_out_conversation("conv_1")
    await permission.opt_out_conversation("")
    await permission.opt_out_conversation("conv_3", "session")
    assert not await permission.allows(PROJECT, "import_session")
    assert await permission.allows(PROJECT, "import_")
    assert not await permission.allows(PROJECT, "conv_1")
    assert await permission.allows(PROJECT, "conv_2")
    assert await permission.allows(PROJECT, "")
    await permission.opt_out_project(PROJECT)
    assert not await permission.allows(PROJECT, "conv_2")
    assert await unremembered.list_projects() == [PROJECT]
    await permission.opt_in_project(PROJECT)
    assert await permission.allows(PROJECT, "conv_2")


async def test_what_was_kept_before_is_hidden(unremembered: OptOuts, database: Database) -> None:
    shown, hidden = turn("b", 2, conversation="conv_2"), turn("a", 1)
    named = pattern("c", project="/private/x", conversation="conv_3")
    store = MemoryStore(database, TENANT)
    assert await store.save([shown, hidden, named]) == 3
    permission = Permission(unremembered, "/private")
    await permission.opt_out_conversation("conv_1")
    assert await permission.filter_allowed([hidden, named, shown]) == [shown]
    assert await permission.filter_allowed([]) == []
    assert await store.save([turn("later", 3)]) == 0
