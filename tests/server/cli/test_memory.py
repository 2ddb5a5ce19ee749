"""`palimpsest memory …` and `palimpsest import` on a database."""

import argparse
import asyncio
import re
import sys
from pathlib import Path

import msgspec
import pytest

from palimpsest.cli.import_transcripts import import_transcripts
from palimpsest.cli.memory import memory_command
from palimpsest.cli.memory_arguments import add_actions
from palimpsest.memory.model import Cursor, Kind, MemoryFilter, injectable
from palimpsest.runtime.errors import BadRequest, NotFound
from palimpsest.runtime.settings import Settings, child_environment
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.memories import MemoryStore
from tests.support.stored_memories import PROJECT, TENANT, fix, pattern, settled_changes, turn
from tests.support.supervisor import ROOT
from tests.support.transcripts import Session, mended, write

_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


class Commands:
    """Runs them, and gives what they wrote."""

    def __init__(self, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
        self._settings = settings
        self._capsys = capsys
        self._parser = argparse.ArgumentParser()
        add_actions(self._parser)

    async def __call__(self, *given: str, status: int = 0) -> str:
        assert await memory_command(self._settings, self._parser.parse_args(given)) == status
        # Tasks of earlier tests share the loop, and may log late.
        lines = self._capsys.readouterr().out.splitlines(keepends=True)
        return "".join(line for line in lines if not _LOGGED.match(line))


@pytest.fixture
def settings(url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=url, data_dir=tmp_path)  # pyright: ignore[reportCallIssue]


@pytest.fixture
def run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(settings, capsys)


@pytest.fixture
async def store(database: Database) -> MemoryStore:
    store = MemoryStore(database, TENANT)
    await store.save([turn("first\nturn", 1), turn("second", 2), fix("KeyError"), pattern("p")])
    return store


async def test_it_lists_and_shows(run: Commands, store: MemoryStore) -> None:
    lines = (await run("list")).splitlines()
    assert len(lines) == 4
    assert lines[0].endswith("  2026-11-01  turn     user  second")
    assert lines[1].endswith("first turn")
    [line] = (await run("list", "--kind", "fix", "--project", PROJECT)).splitlines()
    assert "seen 1x 1.00" in line
    assert await run("list", "--contains", "nowhere") == ""
    assert await run("list", "--before", "2026-10-31") == ""
    shown = msgspec.json.decode(await run("show", line.split()[0]))
    assert shown["detail"]["signature"] == "KeyError"
    with pytest.raises(NotFound):
        await run("show", "mem_none")


async def test_a_person_confirms_and_edits(run: Commands, store: MemoryStore) -> None:
    memory_id = fix("KeyError").id
    assert "confirmed" in await run("confirm", memory_id)
    await run("edit", memory_id, "--text", "better", "--confidence", "0.5")
    [edited] = await store.get([memory_id])
    assert injectable(edited)
    assert (edited.text, edited.confidence) == ("better", 0.5)
    with pytest.raises(BadRequest):
        await run("edit", memory_id, "--confidence", "2")
    with pytest.raises(BadRequest):
        await run("edit", memory_id, "--text", "")


async def test_it_deletes_and_proves_it(run: Commands, store: MemoryStore) -> None:
    with pytest.raises(BadRequest):
        await run("delete")
    told = msgspec.json.decode(await run("delete", "--id", pattern("p").id))
    assert (told["deleted"]["memories"], told["remaining"]) == (1, 0)
    told = msgspec.json.decode(await run("delete", "--kind", "turn"))
    assert (told["deleted"]["memories"], told["remaining"]) == (2, 0)
    assert told["checked"] == {"memories": 0, "captured": 0, "index": None}
    assert [memory.kind for memory in await store.list_page()] == [Kind.FIX]
    assert msgspec.json.decode(await run("delete", "--all"))["deleted"]["memories"] == 1


async def test_it_takes_out_and_in(run: Commands, store: MemoryStore, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text(await run("export", "--kind", "turn"))
    await run("delete", "--kind", "turn")
    assert await run("import", str(out)) == "2 read, 2 new\n"
    assert await run("import", str(out)) == "2 read, 0 new\n"
    assert await store.count(MemoryFilter(kind=Kind.TURN)) == 2
    with pytest.raises(BadRequest, match=r"none\.jsonl"):
        await run("import", str(tmp_path / "none.jsonl"))


async def test_a_project_is_forgotten_for_good(run: Commands, store: MemoryStore) -> None:
    told = msgspec.json.decode(await run("forget-project", PROJECT))
    assert (told["deleted"]["memories"], told["remaining"]) == (4, 0)
    assert await store.save([turn("new", 9)]) == 0
    await run("remember-project", PROJECT)
    assert await store.save([turn("new", 9)]) == 1


async def test_a_reindex_lets_indexes_take_all_in_again(
    run: Commands, store: MemoryStore, database: Database
) -> None:
    before = (await settled_changes(store, database, Cursor())).cursor
    assert await run("reindex") == "4 memories are taken in again by each process that runs\n"
    assert len((await settled_changes(store, database, before)).memories) == 4


async def test_transcripts_are_told_of(
    settings: Settings, store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "projects"
    folder.mkdir()
    write(folder, "one", mended(Session()))
    assert await import_transcripts(settings, folder) == 0
    [line, total] = capsys.readouterr().out.splitlines()
    assert line.startswith("-home-me-project/one.jsonl: taken, 8 messages, ")
    assert total.startswith("1 files (1 taken): 8 messages, ")
    with pytest.raises(BadRequest):
        await import_transcripts(settings, tmp_path / "none")


async def test_nothing_runs_is_one_clear_line(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "palimpsest.cli", "memory", "list"),
        env=child_environment({"PALIMPSEST_DATA_DIR": str(tmp_path)}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert output.decode().startswith("palimpsest: the database cannot be reached: ")
    assert len(output.decode().splitlines()) == 1
