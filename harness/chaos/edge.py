"""The edge with its worker as a component: `palimpsest serve`, its output in a file."""

from collections.abc import Mapping
from pathlib import Path

from harness.chaos.provider_faults import ROOT
from palimpsest.devstack import edge, ports
from palimpsest.devstack.process import Child

SETTINGS = {
    "PALIMPSEST_IDLE_TIMEOUT": "8",
    "PALIMPSEST_FIRST_BYTE_TIMEOUT": "10",
    "PALIMPSEST_COMMIT_AFTER": "5",
    "PALIMPSEST_PING_AFTER": "2",
    "PALIMPSEST_CLIENT_GONE_GRACE": "6",
    "PALIMPSEST_DRAIN_TIMEOUT": "5",
    "PALIMPSEST_LOG_FORMAT": "json",
}
"""Shorter than by default, so that a run of a minute gets to see them pass."""


class Edge(edge.Edge):
    """On a free port that stays the same; runs the code of this tree."""

    def __init__(self, name: str, data_dir: Path, env: Mapping[str, str]) -> None:
        port = ports.choose({"edge": None})["edge"]
        own = {**SETTINGS, **env, "PYTHONPATH": str(ROOT)}
        super().__init__(data_dir, ports.LOOPBACK, port, own, drain=5)
        self.log = data_dir / "logs" / f"{name}.log"

    async def launch(self) -> None:
        self._child = await Child.spawn(self._command, env=self._env, log=self.log)
