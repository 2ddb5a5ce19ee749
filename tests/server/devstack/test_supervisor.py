"""``palimpsest up`` end to end: real children, real signals."""

import asyncio
import os
import signal
import socket
import stat
from pathlib import Path

import psutil
import pytest

from palimpsest.devstack import state
from tests.support.supervisor import start, traces, until


async def test_ctrl_c_to_the_group_lets_a_running_stream_end_and_leaves_nothing(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as up:
        await up.until_ready()
        marks = list(up.children.values())
        slow = asyncio.create_task(up.get("/slow"))
        await until(lambda: not slow.done() and _connections(up.port) > 0)
        status = await up.interrupt()
        assert await slow == "slow but whole"
    assert status == 0
    assert len(marks) == 3
    assert [mark for mark in marks if mark.process()] == []
    assert traces(data_dir) == []
    assert state.load(data_dir).children == {}


async def test_it_prints_where_everything_is(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as up:
        output = "\n".join((await up.until_ready()).lines)
        await up.interrupt()
    assert f"ANTHROPIC_BASE_URL={up.url} claude" in output
    token = data_dir / "token"
    assert token.read_text().strip() in output
    assert f"http://127.0.0.1:{state.load(data_dir).ports['temporal.ui']}" in output
    assert str(data_dir) in output
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700


@pytest.mark.parametrize("role", ["postgres", "temporal", "edge"])
async def test_a_killed_child_comes_back_where_it_was(tmp_path: Path, role: str):
    data_dir = tmp_path / "data"
    async with start(data_dir) as up:
        await up.until_ready()
        before = state.load(data_dir)
        victim = before.children[role]
        victim.kill()
        await until(lambda: state.load(data_dir).children[role] != victim)
        await up.until_answering()
        after = state.load(data_dir)
        assert after.ports == before.ports
        others = [mark for other, mark in before.children.items() if other != role]
        assert all(mark.process() for mark in others)
        assert await up.interrupt() == 0
    assert f"palimpsest: {role} ended (SIGKILL); starting it again" in up.lines
    assert traces(data_dir) == []


async def test_the_children_of_a_killed_supervisor_drain_and_end(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as up:
        await up.until_ready()
        slow = asyncio.create_task(up.get("/slow"))
        await until(lambda: not slow.done() and _connections(up.port) > 0)
        await up.kill()
        assert await slow == "slow but whole"
        await until(lambda: traces(data_dir) == [])


async def test_a_start_right_after_a_kill_takes_over(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as first:
        await first.until_ready()
        before = state.load(data_dir)
        await first.kill()
        orphans = list(before.children.values())
        began = asyncio.get_running_loop().time()
        async with start(data_dir, port=first.port) as second:
            await second.until_ready()
            took = asyncio.get_running_loop().time() - began
            assert [mark for mark in orphans if mark.process()] == []
            assert state.load(data_dir).ports == before.ports
            assert await second.interrupt() == 0
    assert took < 20
    assert traces(data_dir) == []


async def test_what_its_warden_did_not_stop_and_nobody_recorded_is_found(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as first:
        await first.until_ready()
        children = first.children
        for warden in psutil.Process(first.process.pid).children():
            if "palimpsest.devstack.warden" in warden.cmdline():
                warden.kill()
        await first.kill()
        assert all(mark.process() for mark in children.values())
        (data_dir / "stack.json").unlink()
        async with start(data_dir, port=first.port) as second:
            await second.until_ready()
            assert [role for role, mark in children.items() if mark.process()] == []
            assert await second.interrupt() == 0
    assert traces(data_dir) == []


async def test_two_instances_run_side_by_side(tmp_path: Path):
    one, two = tmp_path / "one", tmp_path / "two"
    async with start(one) as first, start(two) as second:
        await asyncio.gather(first.until_ready(), second.until_ready())
        assert await first.interrupt() == 0
        assert traces(one) == []
        assert await second.answers()
        assert await second.interrupt() == 0
    assert traces(two) == []


async def test_a_second_up_on_the_same_directory_names_the_first(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as first:
        await first.until_ready()
        # ``start`` names its output by the directory: a symbolic link keeps them apart.
        (tmp_path / "link").symlink_to(data_dir)
        async with start(tmp_path / "link") as second:
            assert await asyncio.wait_for(second.process.wait(), 30) == 1
            holder = f"{data_dir} is in use by pid {first.process.pid}"
            assert second.lines == [f"palimpsest: {holder}; set PALIMPSEST_DATA_DIR"]
            assert await first.answers()
            assert await first.interrupt() == 0


async def test_a_taken_port_is_one_line_and_nothing_is_started(tmp_path: Path):
    data_dir = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with start(data_dir, port=port) as up:
            assert await asyncio.wait_for(up.process.wait(), 30) == 1
            assert len(up.lines) == 1
            assert up.lines[0].startswith(
                f"palimpsest: port {port} on 127.0.0.1 is taken by pid {os.getpid()} "
            )
            assert up.lines[0].endswith("; set PALIMPSEST_PORT")
    assert not (data_dir / "postgres").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PALIMPSEST_PORT", "99999"),
        ("PALIMPSEST_HOST", "192.0.2.1"),
        ("TEMPORAL_ADDRESS", "nowhere"),
    ],
)
async def test_a_wrong_setting_is_one_line_and_status_2(tmp_path: Path, name: str, value: str):
    async with start(tmp_path / "data", env={name: value}) as up:
        assert await asyncio.wait_for(up.process.wait(), 30) == 2
        assert len(up.lines) == 1
        assert up.lines[0].startswith(f"palimpsest: {name}={value}: ")


@pytest.mark.parametrize(("failure", "status"), [("wrong", 2), ("broken", 1)])
async def test_an_edge_that_refuses_takes_the_stack_down(tmp_path: Path, failure: str, status: int):
    data_dir = tmp_path / "data"
    async with start(data_dir, env={"STAND_IN": failure}) as up:
        assert await asyncio.wait_for(up.process.wait(), 60) == status
        said = [line for line in up.lines if not line.startswith("·")]
        assert said == ["palimpsest: the stand-in refuses"]
    assert traces(data_dir) == []


async def test_a_directory_of_another_user_is_refused(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory of another user")
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o777)
    os.chown(data_dir, 12345, 12345)
    async with start(data_dir) as up:
        assert await asyncio.wait_for(up.process.wait(), 30) == 1
        assert up.lines == [
            f"palimpsest: {data_dir} belongs to another user (uid 12345); set PALIMPSEST_DATA_DIR"
        ]


async def test_a_second_ctrl_c_hurries(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as up:
        await up.until_ready()
        edge = up.children["edge"].process()
        assert edge is not None
        edge.send_signal(signal.SIGSTOP)
        os.killpg(up.process.pid, signal.SIGINT)
        await until(lambda: any("stopping edge" in line for line in up.lines))
        assert await up.interrupt() == 0
    assert traces(data_dir) == []


async def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir) as up:
        await until(lambda: "postgres" in up.children)
        assert await up.interrupt() == 130
    assert traces(data_dir) == []


def _connections(port: int) -> int:
    return sum(
        1
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED
        and connection.laddr
        and connection.laddr.port == port
    )
