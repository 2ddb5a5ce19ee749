"""The web UI for the real server; the dev server brings its own."""

import asyncio
from pathlib import Path

import httpx
import msgspec

from palimpsest.devstack import ports
from palimpsest.devstack.orphans import tag
from palimpsest.devstack.ports import LOOPBACK
from palimpsest.devstack.process import Child, ChildService
from palimpsest.devstack.progress import Say, silent
from palimpsest.devstack.temporal_binary import temporal_ui
from palimpsest.devstack.ui_guard import UiGuard
from palimpsest.runtime.errors import StartupFailed

START_TIMEOUT = 20.0


class TemporalUi(ChildService):
    """One UI server on one loopback port, for the Temporal server at ``address``."""

    def __init__(
        self,
        data_dir: Path,
        address: str,
        *,
        namespace: str = "default",
        wanted: dict[str, int] | None = None,
        cache: Path | None = None,
        report: Say = silent,
    ) -> None:
        super().__init__(patience=5.0)
        self.data_dir = data_dir.resolve()
        self.directory = self.data_dir / "temporal-ui"
        self.log = self.data_dir / "logs" / "temporal-ui.log"
        self.address = address
        self.namespace = namespace
        self.ports = ports.choose({"ui": (wanted or {}).get("ui")})
        self._guard = UiGuard(self.ports["ui"])
        self._cache = cache
        self._report = report

    @property
    def ui_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['ui']}"

    async def launch(self) -> None:
        """Get the program if need be and start the server. Raises StartupFailed."""
        binary = await temporal_ui(self._cache, self._report)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = {
            "temporalGrpcAddress": self.address,
            "host": self._guard.host,
            "port": self._guard.inner_port,
            "enableUi": True,
            "defaultNamespace": self.namespace,
            "cors": {"cookieInsecure": True, "allowOrigins": [self.ui_url]},
            "hideLogs": True,
        }
        (self.directory / "palimpsest.yaml").write_bytes(msgspec.json.encode(config))
        await self._guard.open()
        self._child = await Child.spawn(
            [binary, "--root", self.directory, "--config", ".", "--env", "palimpsest", "start"],
            env=tag(self.data_dir, "temporal-ui"),
            log=self.log,
            cwd=self.directory,
        )

    async def stop(self) -> None:
        self._guard.close()
        await super().stop()

    async def ready(self) -> None:
        """Return once its front page was served. Raises StartupFailed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    (await client.get(self.ui_url)).raise_for_status()
                except httpx.HTTPError as error:
                    if self.child.status is not None:
                        last = self.child.last_words()
                        raise StartupFailed(f"the Temporal UI ended: {last}") from error
                    if loop.time() > deadline:
                        raise StartupFailed("the Temporal UI is not ready") from error
                    await asyncio.sleep(0.05)
                else:
                    return
