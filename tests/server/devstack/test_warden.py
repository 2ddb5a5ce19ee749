"""What a process has started ends with it, whatever ends it: the servers of a test run, say."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from palimpsest.devstack.warden import Warden
from palimpsest.runtime.process_mark import Mark
from palimpsest.runtime.settings import child_environment
from tests.support.supervisor import ROOT, traces, until

SERVERS = """
import asyncio, sys
from pathlib import Path
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_dev import TemporalDev

async def main():
    data_dir = Path(sys.argv[1])
    async with EmbeddedPostgres.running(data_dir), TemporalDev.running(data_dir):
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_servers_end_with_the_process_that_started_them(
    tmp_path: Path, number: signal.Signals
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVERS, str(tmp_path / "data")),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert await process.stdout.readline() == b"ready\n"
    assert len(traces(tmp_path)) > 2
    process.send_signal(number)
    assert await process.wait() == -number
    await until(lambda: traces(tmp_path) == [])


async def test_only_children_of_its_process_are_ended() -> None:
    one, other = Warden(), Warden()
    sleepers = [
        await asyncio.create_subprocess_exec(
            *("sleep", "600"), env=child_environment(warden.watched({})), start_new_session=True
        )
        for warden in (one, other)
    ]
    marks = [Mark.of(sleeper.pid) for sleeper in sleepers]
    await asyncio.to_thread(one.abandon)
    assert await sleepers[0].wait() == -signal.SIGTERM
    assert marks[1].process()
    other.dismiss()
    assert marks[1].process()
    sleepers[1].kill()
    await sleepers[1].wait()
