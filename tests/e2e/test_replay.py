"""`palimpsest replay ID` next to a running stack."""

import asyncio
import sys

from harness.simulator import Simulator
from palimpsest.runtime.settings import child_environment
from tests.support.engine_histories import until_gone
from tests.support.supervisor import ROOT, Up
from tests.support.traffic import answered


async def replay(up: Up, request_id: str) -> tuple[int, str]:
    """Its exit status, and what it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "palimpsest.cli", "replay", request_id),
        env=child_environment({"PALIMPSEST_DATA_DIR": str(up.data_dir)}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode or 0, output.decode().strip()


async def test_a_recorded_request_replays(up: Up, upstream: Simulator) -> None:
    request_id = await answered(up, "replay me")
    status, output = await replay(up, request_id)
    assert status == 0, output
    assert output.startswith(f"{request_id}: ")
    assert output.endswith(" events, replayed")
    assert len(upstream.log) == 1, "nobody was called again"


async def test_an_unknown_request_is_one_clear_line(up: Up) -> None:
    assert await replay(up, "req_0") == (1, "palimpsest: there is no request req_0")


async def test_an_expired_history_is_said_to_be_expired(up: Up, forgotten: str) -> None:
    await until_gone(up, forgotten, patience=90)
    status, output = await replay(up, forgotten)
    assert status == 1
    assert output.startswith(f"palimpsest: the history of {forgotten} has expired: ")
