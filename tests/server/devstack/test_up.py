"""``palimpsest up`` with the real proxy."""

import sys
from pathlib import Path

import httpx

from tests.support.supervisor import Up, start, traces

COMMAND = (sys.executable, "-P", "-m", "palimpsest.cli", "up")


async def _readiness(up: Up) -> dict[str, object]:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(f"{up.url}/readyz")).json()


async def test_it_starts_again_after_everything_was_killed_at_once(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir, command=COMMAND) as first:
        await first.until_ready()
        children = first.children
        assert set(children) == {"postgres", "temporal", "edge"}
        for mark in children.values():
            mark.kill()
        await first.kill()
    async with start(data_dir, port=first.port, command=COMMAND) as second:
        await second.until_ready()
        assert (await _readiness(second))["ready"] is True
        assert await second.interrupt() == 0
    assert traces(data_dir) == []


async def test_what_a_killed_supervisor_left_makes_way(tmp_path: Path):
    data_dir = tmp_path / "data"
    async with start(data_dir, command=COMMAND) as first:
        await first.until_ready()
        orphans = first.children
        await first.kill()
        async with start(data_dir, port=first.port, command=COMMAND) as second:
            await second.until_ready()
            assert [role for role, mark in orphans.items() if mark.process()] == []
            assert await second.interrupt() == 0
    assert traces(data_dir) == []
