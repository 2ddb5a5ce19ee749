"""The embedded Temporal: the CLI's dev server, UI included, with a database file of ours."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import msgspec

from palimpsest.devstack import ports
from palimpsest.devstack.orphans import tag
from palimpsest.devstack.ports import LOOPBACK
from palimpsest.devstack.process import Child, ChildService
from palimpsest.devstack.progress import Say, silent
from palimpsest.devstack.temporal_binary import temporal_cli
from palimpsest.devstack.temporal_config import DYNAMIC_CONFIG, GO_MEMORY
from palimpsest.devstack.temporal_ready import until_ready
from palimpsest.devstack.ui_guard import UiGuard

PORTS = ("grpc", "ui", "http", "metrics")

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "normal",
    "wal_autocheckpoint": "20000",
    "cache_size": "-65536",
    "temp_store": "memory",
    "locking_mode": "exclusive",
}
"""One log append per commit instead of two synced files, checkpoints every 80 MB, 64 MB of cache.
A killed process loses nothing; a power cut may lose the last moments, never the file."""


class TemporalDev(ChildService):
    """One dev server; ``ports`` (``PORTS``) stay the same over a restart."""

    def __init__(
        self,
        data_dir: Path,
        *,
        namespace: str = "default",
        wanted: dict[str, int] | None = None,
        cache: Path | None = None,
        report: Say = silent,
    ) -> None:
        super().__init__(patience=10.0)
        self.data_dir = data_dir.resolve()
        self.directory = self.data_dir / "temporal"
        self.log = self.data_dir / "logs" / "temporal.log"
        self.namespace = namespace
        self.ports = ports.choose({name: (wanted or {}).get(name) for name in PORTS})
        self._guard = UiGuard(self.ports["ui"])
        self._cache = cache
        self._report = report

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.ports['grpc']}"

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['ui']}"

    async def launch(self) -> None:
        """Get the program if need be and start the server. Raises StartupFailed."""
        binary = await temporal_cli(self._cache, self._report)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = GO_MEMORY | tag(self.data_dir, "temporal")
        await self._guard.open()
        self._child = await Child.spawn(
            self._command(binary), env=env, log=self.log, cwd=self.directory
        )

    async def stop(self) -> None:
        self._guard.close()
        await super().stop()

    async def ready(self) -> None:
        """Return once a query succeeded. Raises StartupFailed, with the server's last words."""
        await until_ready(self.address, self.namespace, lambda: self.child)

    @classmethod
    @asynccontextmanager
    async def running(cls, data_dir: Path) -> AsyncGenerator[Self]:
        """A server for the length of a ``with`` block."""
        server = cls(data_dir)
        try:
            await server.launch()
            await server.ready()
            yield server
        finally:
            await server.stop()

    def _command(self, binary: Path) -> list[str]:
        command = [str(binary), "server", "start-dev", "--ip", LOOPBACK]
        command += ["--db-filename", str(self.directory / "temporal.db")]
        command += ["--port", str(self.ports["grpc"]), "--http-port", str(self.ports["http"])]
        command += ["--ui-ip", self._guard.host, "--ui-port", str(self._guard.inner_port)]
        command += ["--metrics-port", str(self.ports["metrics"])]
        command += ["--log-level", "warn", "--log-format", "json"]
        if self.namespace != "default":
            command += ["--namespace", self.namespace]
        for name, value in PRAGMAS.items():
            command += ["--sqlite-pragma", f"{name}={value}"]
        for name, value in DYNAMIC_CONFIG.items():
            command += ["--dynamic-config-value", f"{name}={msgspec.json.encode(value).decode()}"]
        return command
