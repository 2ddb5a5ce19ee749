"""The edge as a child: ``palimpsest serve`` with the addresses of the stack it stands on."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from palimpsest.devstack.orphans import tag
from palimpsest.devstack.process import Child, ChildService
from palimpsest.runtime.errors import StartupFailed

COMMAND = (sys.executable, "-P", "-m", "palimpsest.cli", "serve")
"""``-P``: a ``palimpsest/cli/main.py`` in the user's current directory is not ours."""

START_TIMEOUT = 60.0


class EdgeEnded(StartupFailed):
    """It ended before it was ready and has said why; ``code`` is its exit status."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the proxy ended with status {code}")
        self.code = code


class Edge(ChildService):
    """Ready is a 200 on ``/readyz``; SIGTERM drains it; its output goes to our terminal."""

    def __init__(
        self,
        data_dir: Path,
        host: str,
        port: int,
        env: Mapping[str, str],
        *,
        command: Sequence[str] = COMMAND,
        drain: float = 30.0,
    ) -> None:
        super().__init__(patience=drain + 5)
        self.url = f"http://{_reachable(host)}:{port}"
        self._command = command
        self._env = {
            **env,
            "PALIMPSEST_DATA_DIR": str(data_dir),
            "PALIMPSEST_HOST": host,
            "PALIMPSEST_PORT": str(port),
            **tag(data_dir, "edge"),
        }
        self.ports: dict[str, int] = {}

    async def launch(self) -> None:
        self._child = await Child.spawn(self._command, env=self._env)

    async def ready(self) -> None:
        """Raises EdgeEnded if it ends, StartupFailed if it takes too long."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while (lacking := await self._lacking(client)) is not None:
                if self.child.status is not None:
                    raise EdgeEnded(self.child.status)
                if loop.time() > deadline:
                    raise StartupFailed(f"the proxy is not ready: {lacking}")
                await asyncio.sleep(0.05)

    async def _lacking(self, client: httpx.AsyncClient) -> str | None:
        """None when ready, else what it says is missing."""
        try:
            answer = await client.get(f"{self.url}/readyz")
        except httpx.HTTPError as error:
            return str(error)
        return None if answer.is_success else answer.text[:300]


def _reachable(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]" if ":" in host else host
