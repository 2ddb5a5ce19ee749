"""The small files of the data directory."""

import asyncio
import multiprocessing
import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from palimpsest.devstack import data_dir, ports, state
from palimpsest.devstack.announcement import context_line
from palimpsest.devstack.process import LOG_CAP, Child, open_log
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.file_lock import FileLock, exclusive, try_lock
from palimpsest.runtime.local_token import local_token
from palimpsest.runtime.process_mark import Mark
from palimpsest.runtime.settings import Settings
from tests.support.supervisor import until


def test_the_token_is_made_once_and_private(tmp_path: Path):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        tokens = set(pool.map(local_token, [tmp_path] * 8))
    assert tokens == {local_token(tmp_path)}
    assert len(tokens.pop()) == 43
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [tmp_path / "token"]


@pytest.mark.parametrize("held", [b"", b"\n", b" \t\r\n", b"\xff\xfe", b"two words", b"\0"])
def test_a_token_file_without_a_token_gets_one(tmp_path: Path, held: bytes):
    (tmp_path / "token").write_bytes(held)
    (tmp_path / "token").chmod(0o644)
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        tokens = set(pool.map(local_token, [tmp_path] * 4))
    assert tokens == {(tmp_path / "token").read_text().strip()}
    assert len(tokens.pop()) == 43
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_a_loose_directory_of_ours_is_closed(tmp_path: Path):
    loose = tmp_path / "loose"
    loose.mkdir(mode=0o755)
    assert stat.S_IMODE(data_dir.prepare(loose).stat().st_mode) == 0o700


def test_a_directory_that_cannot_be_is_one_line(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupFailed, match="file/data: Not a directory; set PALIMPSEST_DATA_DIR"):
        data_dir.prepare(tmp_path / "file" / "data")


def test_state_is_read_back_and_a_broken_one_is_empty(tmp_path: Path):
    kept = state.State()
    kept.record("temporal", Mark.this(), {"grpc": 1, "ui": 2})
    state.save(tmp_path, kept)
    assert state.load(tmp_path) == kept
    assert state.load(tmp_path).ports_of("temporal") == {"grpc": 1, "ui": 2}
    (tmp_path / "stack.json").write_text('{"children": {"edge"')
    assert state.load(tmp_path) == state.State()


async def test_a_lock_is_waited_for_and_names_its_holder(tmp_path: Path):
    held = try_lock(tmp_path / "lock")
    assert isinstance(held, FileLock)
    assert try_lock(tmp_path / "lock") == os.getpid()
    waiting = asyncio.create_task(exclusive(tmp_path / "lock"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.3)
    held.release()
    (await asyncio.wait_for(waiting, 5)).release()


def test_a_wanted_port_is_kept_unless_it_is_taken():
    free = ports.choose({"a": None, "b": None})
    assert free["a"] != free["b"]
    assert ports.choose({"a": free["a"]}) == {"a": free["a"]}
    with socket.create_server(("127.0.0.1", free["a"])):
        assert ports.choose({"a": free["a"]})["a"] != free["a"]


def test_a_large_log_begins_anew(tmp_path: Path):
    log = tmp_path / "logs" / "x.log"
    with open_log(log) as file:
        file.truncate(LOG_CAP + 1)
    with open_log(log) as file:
        file.write(b"new")
    assert log.read_bytes() == b"new"
    assert (tmp_path / "logs" / "x.log.1").stat().st_size == LOG_CAP + 1


async def test_a_cancelled_helper_is_killed(tmp_path: Path):
    log = tmp_path / "x.log"
    helper = asyncio.create_task(Child.run(["sh", "-c", "echo $$; exec sleep 600"], log=log))
    await until(lambda: log.exists() and log.read_text().endswith("\n"))
    mark = Mark.of(int(log.read_text()))
    helper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await helper
    assert mark.process() is None


def test_the_context_line_says_what_the_model_sees():
    def line(**changes: Any) -> str:
        return context_line(Settings(**changes))

    assert line() == "rewritten to fit 180,000 tokens (PALIMPSEST_CONTEXT_CAP; 0 lifts it)"
    assert "90,000" in line(context_cap=90_000)
    assert "window" in line(context_cap=0)
    assert "PALIMPSEST_CONTEXT=off" in line(context="off")
    assert "as the client sends it" in line(context="observe")
