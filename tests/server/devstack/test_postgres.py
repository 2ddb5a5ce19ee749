"""The embedded Postgres: its data outlive it, whatever ends it; nobody else reads them."""

import os
import stat
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.process import Child
from palimpsest.runtime.process_mark import Mark
from tests.support.supervisor import traces


async def _write(postgres: EmbeddedPostgres, value: str) -> None:
    async with postgres.connection() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS kept (value text)"))
        await connection.execute(text("INSERT INTO kept VALUES (:value)"), {"value": value})


async def _read(postgres: EmbeddedPostgres) -> list[str]:
    async with postgres.connection() as connection:
        rows = await connection.execute(text("SELECT value FROM kept ORDER BY value"))
        return [row[0] for row in rows]


async def test_data_outlive_a_stop(tmp_path: Path):
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        await _write(postgres, "a")
    assert traces(tmp_path) == []
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        assert await _read(postgres) == ["a"]


async def test_what_was_committed_outlives_kill_9(tmp_path: Path):
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        await _write(postgres, "a")
        postgres.child.mark.kill()
        await postgres.child.wait()
        await postgres.launch()
        await postgres.ready()
        assert await _read(postgres) == ["a"]
    assert traces(tmp_path) == []


async def test_a_server_left_behind_is_stopped_first(tmp_path: Path):
    left = EmbeddedPostgres(tmp_path)
    await left.launch()
    await left.ready()
    await _write(left, "a")
    orphan = left.child.mark
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        assert orphan.process() is None
        assert await _read(postgres) == ["a"]
    await left.child.wait()


async def test_the_pid_of_a_stranger_in_the_pid_file_does_not_hinder(tmp_path: Path):
    """As after a reboot: the recorded pid is alive and is somebody else, here of the same user."""
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        pid_file = postgres.directory / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        postgres.child.mark.kill()
        await postgres.child.wait()
    async with EmbeddedPostgres.running(tmp_path / "other") as stranger:
        pid = stranger.child.mark.pid
        pid_file.write_text("\n".join([str(pid), *lines[1:]]))
        async with EmbeddedPostgres.running(tmp_path) as postgres:
            assert postgres.child.mark.pid != pid
        assert stranger.child.status is None


async def test_a_killed_server_that_nobody_reaped_does_not_hinder(tmp_path: Path):
    """A zombie, as in a container without an init."""
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        await _write(postgres, "a")
        pid_file = postgres.directory / "postmaster.pid"
        lines = pid_file.read_text().split("\n")
        postgres.child.mark.kill()
        await postgres.child.wait()
    with _zombie(uid=postgres.directory.stat().st_uid) as pid:
        pid_file.write_text("\n".join([str(pid), *lines[1:]]))
        async with EmbeddedPostgres.running(tmp_path) as postgres:
            assert await _read(postgres) == ["a"]


@contextmanager
def _zombie(uid: int) -> Generator[int]:
    with subprocess.Popen(["true"], user=uid) as unreaped:
        os.waitid(os.P_PID, unreaped.pid, os.WEXITED | os.WNOWAIT)
        yield unreaped.pid


async def test_an_initdb_that_was_cut_short_is_done_again(tmp_path: Path):
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        await _write(postgres, "a")
    assert not half.exists()


async def test_a_long_path_gets_a_socket_elsewhere_which_goes_away(tmp_path: Path):
    directory = tmp_path / ("long-" * 20)
    async with EmbeddedPostgres.running(directory) as postgres:
        assert postgres.socket_dir != postgres.directory
        assert stat.S_IMODE(postgres.socket_dir.stat().st_mode) == 0o700
        await _write(postgres, "a")
    assert not postgres.socket_dir.exists()


async def test_commits_are_durable_and_no_port_is_open(tmp_path: Path):
    async with (
        EmbeddedPostgres.running(tmp_path) as postgres,
        postgres.connection() as connection,
    ):
        for name, value in {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "listen_addresses": "",
            "server_encoding": "UTF8",
        }.items():
            assert await connection.scalar(text(f"SHOW {name}")) == value


async def test_another_user_cannot_connect(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    async with EmbeddedPostgres.running(tmp_path) as postgres:
        socket = str(postgres.socket_dir / ".s.PGSQL.5432")
        ours = await Child.run(_connecting(socket), log=tmp_path / "ours")
        other = await Child.run([*AS_ANOTHER, *_connecting(socket)], log=tmp_path / "other")
    assert ours.status == 0
    assert other.last_words() == "PermissionError: [Errno 13] Permission denied"


AS_ANOTHER = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups")


def _connecting(socket: str) -> list[str]:
    code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    return ["/usr/bin/python3", "-c", code, socket]


async def test_as_root_it_runs_as_somebody_else_in_a_closed_directory(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only as root")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with EmbeddedPostgres.running(closed) as postgres:
        process = postgres.child.mark.process()
        assert process is not None
        assert process.uids().real != 0
        assert stat.S_IMODE(closed.stat().st_mode) == 0o700
        assert postgres.directory.stat().st_uid == process.uids().real


async def test_two_side_by_side(tmp_path: Path):
    async with (
        EmbeddedPostgres.running(tmp_path / "one") as one,
        EmbeddedPostgres.running(tmp_path / "two") as two,
    ):
        await _write(one, "1")
        await _write(two, "2")
        assert (await _read(one), await _read(two)) == (["1"], ["2"])


def test_a_mark_is_not_fooled_by_a_reused_pid():
    mine = Mark.this()
    assert mine.process() is not None
    assert Mark(mine.pid, mine.started - 60).process() is None
