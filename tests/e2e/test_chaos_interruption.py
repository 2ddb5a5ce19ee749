"""However the harness ends, no process of its stack is left."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from harness.chaos.provider_faults import ROOT
from palimpsest.runtime.settings import child_environment
from tests.support.supervisor import traces, until


@pytest.mark.alone
@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_is_left_of_an_interrupted_run(name: signal.Signals, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harness.chaos", "--seconds", "60"),
        env=child_environment({"TMPDIR": str(tmp_path)}),
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        await until(lambda: any(_is_serving(log) for log in tmp_path.glob("*/data/logs/edge.log")))
        data_dir = _data_dir(tmp_path)
        assert len(traces(data_dir)) >= 4, "the stack runs"
        process.send_signal(name)
        await asyncio.wait_for(process.wait(), 40)
        await until(lambda: not traces(data_dir))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _data_dir(directory: Path) -> Path:
    [found] = directory.glob("*/data")
    return found


def _is_serving(log: Path) -> bool:
    return '"event": "serving"' in log.read_text()
