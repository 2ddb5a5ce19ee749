"""Faults of the provider, which is the simulator in a process of its own that is never killed: its
pace and its faults change at random."""

import asyncio
import random
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec

from palimpsest.devstack import ports
from palimpsest.devstack.orphans import tag
from palimpsest.devstack.process import Child
from palimpsest.runtime.errors import StartupFailed

ROOT = Path(__file__).resolve().parents[2]
FAULT_SHARE = 0.08
FAULTS = [
    {"kind": "status", "status": 429, "retry_after": 0.3},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 529},
    {"kind": "reset"},
    {"kind": "reset", "after": 1, "first_content": True},
    {"kind": "cut", "after": 2, "first_content": True, "mid": True},
    {"kind": "cut_body"},
    {"kind": "stall", "seconds": 3},
    {"kind": "stall", "seconds": 12, "after": 1, "first_content": True},
    {"kind": "error_event", "after": 0},
    {"kind": "error_event", "after": 2, "first_content": True},
]
_START_TIMEOUT = 20.0
_CHANGE_SECONDS = 0.25


class Provider:
    """The simulator at ``url``; ``log`` is its own record of every wire call."""

    def __init__(self, url: str, log: Path, child: Child) -> None:
        self.url = url
        self.log = log
        self.child = child
        self._http = httpx.AsyncClient(base_url=f"{url}/_sim/", trust_env=False, verify=False)

    async def inject_faults(self, seed: int) -> None:
        """Make a share of the calls fail, and change the pace until cancelled."""
        await self._post("faults/rate", {"share": FAULT_SHARE, "faults": FAULTS, "seed": seed})
        dice = random.Random(f"{seed}/provider-faults")
        while True:
            events, seconds = dice.choice((3, 12, 40, 80)), dice.choice((0, 0.2, 1, 3, 6, 10))
            pace = {
                "before_first_byte": dice.choice((0, 0, 0.1, 0.6)),
                "between_events": seconds / events,
                "delta_chars": dice.choice((8, 40, 400)),
            }
            await self._post("pace", {**pace, "text_chars": events * pace["delta_chars"]})
            await asyncio.sleep(_CHANGE_SECONDS)

    async def end_faults(self) -> None:
        """Fast and without faults from now on."""
        await self._http.delete("faults")
        await self._post("pace", {})

    async def is_idle(self) -> bool:
        """Whether no call is open."""
        answer = await self._http.get("health")
        return msgspec.json.decode(answer.content, type=dict[str, Any])["open"] == 0

    async def close(self) -> None:
        await self._http.aclose()
        await self.child.stop(signal.SIGTERM, 3)

    async def _post(self, path: str, content: object) -> None:
        answer = await self._http.post(path, content=msgspec.json.encode(content))
        answer.raise_for_status()


@asynccontextmanager
async def running_provider(data_dir: Path, directory: Path) -> AsyncGenerator[Provider]:
    """The running provider; its log is outside ``data_dir``, since it holds credentials."""
    port = ports.choose({"upstream": None})["upstream"]
    log = directory / "wire.jsonl"
    command = [sys.executable, "-m", "harness.simulator", "--port", str(port), "--log", str(log)]
    child = await Child.spawn(
        command, env=tag(data_dir, "simulator"), log=directory / "simulator.out", cwd=ROOT
    )
    running = Provider(f"http://{ports.LOOPBACK}:{port}", log, child)
    try:
        await _wait_until_ready(running)
        yield running
    finally:
        await running.close()


async def _wait_until_ready(running: Provider) -> None:
    async with asyncio.timeout(_START_TIMEOUT):
        while True:
            with suppress(httpx.HTTPError):
                await running.is_idle()
                return
            if running.child.status is not None:
                raise StartupFailed(f"the simulator ended: {running.child.last_words()}")
            await asyncio.sleep(0.05)
