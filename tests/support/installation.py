"""Edges and workers as they are run for many users: processes that share what they stand on."""

import asyncio
import base64
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from sqlalchemy import text

from harness.simulator import Simulator
from palimpsest.devstack.ports import choose
from palimpsest.devstack.process import Child
from palimpsest.store.postgres.database import Database
from tests.support.redis_server import RedisServer
from tests.support.requests import eventually
from tests.support.supervisor import ROOT

_COMMANDS = {
    "edge": (sys.executable, "-P", "-m", "palimpsest.cli", "serve"),
    "worker": (sys.executable, str(ROOT / "worker.py")),
}
_START_SECONDS = 60


class Member:
    """One process, which may be killed and started again; ``url`` is an edge's."""

    def __init__(self, role: str, directory: Path, env: Mapping[str, str], port: int = 0) -> None:
        self.role = role
        self.url = f"http://127.0.0.1:{port}"
        self._log = directory / "output.log"
        self._env = {
            **env,
            "PALIMPSEST_DATA_DIR": str(directory),
            "PALIMPSEST_PORT": str(port or 8080),
        }
        self.child: Child | None = None

    @property
    def pid(self) -> int:
        assert self.child
        return self.child.mark.pid

    async def start(self) -> None:
        """Returns when it is at work."""
        self._log.unlink(missing_ok=True)
        self.child = await Child.spawn(_COMMANDS[self.role], env=self._env, log=self._log, cwd=ROOT)
        async with asyncio.timeout(_START_SECONDS):
            await eventually(self._is_ready, bool)

    async def ensure(self) -> None:
        if self.child is None or self.child.status is not None:
            await self.start()

    async def kill(self) -> None:
        """kill -9."""
        assert self.child
        self.child.mark.kill()
        await self.child.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit status."""
        assert self.child
        return await self.child.stop(signal.SIGTERM, 30)

    def output(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    async def _is_ready(self) -> bool:
        assert self.child
        assert self.child.status is None, self.output()
        if self.role == "worker":
            return '"working"' in self.output()
        with suppress(httpx.TransportError):
            async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
                return (await client.get(f"{self.url}/readyz")).status_code == 200
        return False


class Installation:
    """Two edges, two workers, a Redis, and the provider they call."""

    def __init__(
        self,
        edges: list[Member],
        workers: list[Member],
        redis: RedisServer,
        upstream: Simulator,
        database_url: str,
    ) -> None:
        self.edges, self.workers, self.redis, self.upstream = edges, workers, redis, upstream
        self._database_url = database_url

    @property
    def members(self) -> list[Member]:
        return [*self.edges, *self.workers]

    async def whole(self) -> None:
        """Start what is not running."""
        await asyncio.gather(*(member.ensure() for member in self.members))

    async def caller(self) -> Member:
        """The worker of the only call under way."""
        database = Database(self._database_url, 5)
        rows = await database.run(text("SELECT owner FROM attempts WHERE closed_at IS NULL"))
        await database.close()
        owner = str(rows[0]["owner"])
        [member] = [member for member in self.workers if member.pid == int(owner.split(":")[1])]
        return member


@asynccontextmanager
async def installation(
    directory: Path, redis: RedisServer, upstream: Simulator, env: Mapping[str, str]
) -> AsyncGenerator[Installation]:
    """All of it running; ``env`` says where the engine and the database are."""
    shared = {
        **env,
        "REDIS_URL": redis.url,
        "PYTHONPATH": str(ROOT),
        "PALIMPSEST_UPSTREAM_URL": upstream.url,
        "PALIMPSEST_VAULT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "PALIMPSEST_CLIENT_GONE_GRACE": "1",
        "PALIMPSEST_DRAIN_TIMEOUT": "10",
        "PALIMPSEST_LOG_FORMAT": "json",
    }
    ports = choose({"edge1": None, "edge2": None})
    edges = [Member("edge", _made(directory / name), shared, port) for name, port in ports.items()]
    workers = [Member("worker", _made(directory / f"worker{n}"), shared) for n in (1, 2)]
    made = Installation(edges, workers, redis, upstream, env["DATABASE_URL"])
    try:
        await made.whole()
        yield made
    finally:
        for member in made.members:
            if member.child:
                await member.kill()


def _made(directory: Path) -> Path:
    directory.mkdir(mode=0o700)
    return directory
