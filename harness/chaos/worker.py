"""An egress worker as a component: `python -m worker`, its output in a file."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.chaos.edge import SETTINGS
from harness.chaos.provider_faults import ROOT
from palimpsest.devstack.orphans import tag
from palimpsest.devstack.process import Child, ChildService, tail
from palimpsest.runtime.errors import StartupFailed

COMMAND = (sys.executable, "-P", "-m", "worker")
_START_TIMEOUT = 60.0
_STOP_TIMEOUT = 12.0


class Worker(ChildService):
    """Ready when its log has a new "working" line."""

    def __init__(self, name: str, data_dir: Path, env: Mapping[str, str]) -> None:
        super().__init__(_STOP_TIMEOUT)
        self.ports: dict[str, int] = {}
        self.log = data_dir / "logs" / f"{name}.log"
        own = {"PALIMPSEST_DATA_DIR": str(data_dir), "PYTHONPATH": str(ROOT)}
        self._env = {**SETTINGS, **env, **own, **tag(data_dir, name)}
        self._starts_before = 0

    async def launch(self) -> None:
        self._starts_before = self._count_starts()
        self._child = await Child.spawn(COMMAND, env=self._env, log=self.log)

    async def ready(self) -> None:
        """Raises StartupFailed."""
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT
        while self._count_starts() == self._starts_before:
            if self.child.status is not None:
                raise StartupFailed(f"the worker ended: {self.child.last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                raise StartupFailed("the worker is not ready")
            await asyncio.sleep(0.05)

    def _count_starts(self) -> int:
        return tail(self.log, size=1 << 30).count('"event": "working"')
