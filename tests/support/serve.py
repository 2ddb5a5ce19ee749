"""A proxy process of its own, which a test may kill."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from palimpsest.devstack.ports import choose
from palimpsest.devstack.warden import WARDEN
from palimpsest.runtime.settings import child_environment
from tests.support.proxy import Parts
from tests.support.requests import eventually


@dataclass(frozen=True, slots=True)
class Served:
    """``url`` answers until it is killed."""

    url: str
    process: asyncio.subprocess.Process

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def served(
    parts: Parts, data_dir: Path, upstream_url: str, **settings: object
) -> AsyncGenerator[Served]:
    """`palimpsest serve`, ready; what is left of it is killed."""
    port = choose({"edge": None})["edge"]
    environment = {
        "PALIMPSEST_DATA_DIR": str(data_dir),
        "PALIMPSEST_PORT": str(port),
        "PALIMPSEST_UPSTREAM_URL": upstream_url,
        "TEMPORAL_ADDRESS": parts.temporal_address,
        "DATABASE_URL": parts.database_url,
        **{f"PALIMPSEST_{name.upper()}": str(value) for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "palimpsest.cli", "serve"),
        env=child_environment(WARDEN.watched(environment)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await eventually(lambda: _ready(url), bool)
        yield Served(url, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _ready(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            return (await client.get(f"{url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False
