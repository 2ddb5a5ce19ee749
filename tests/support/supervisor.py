"""A supervisor under test: a real process in a process group of its own, and its traces."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import asyncpg
import httpx
import psutil
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from palimpsest.devstack import ports, state
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_ready import answers
from palimpsest.devstack.warden import WARDEN
from palimpsest.runtime.process_mark import Mark
from palimpsest.runtime.settings import child_environment

ROOT = Path(__file__).parents[2]
STAND_IN = (sys.executable, "-m", "tests.support.up_main")


class Up:
    """One ``up``: ``lines`` is what it wrote, ``port`` the proxy's."""

    def __init__(self, data_dir: Path, port: int, process: asyncio.subprocess.Process) -> None:
        self.data_dir = data_dir
        self.port = port
        self.process = process
        self.output = data_dir.with_suffix(".out")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def children(self) -> dict[str, Mark]:
        return state.load(self.data_dir).children

    @property
    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    async def get(self, path: str) -> str:
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            return (await client.get(self.url + path)).text

    async def until_answering(self) -> None:
        """Until the proxy, the database and the engine answer (again)."""
        async with asyncio.timeout(60):
            while True:
                if await self.answers():
                    return
                await asyncio.sleep(0.05)

    async def answers(self) -> bool:
        try:
            await self.get("/readyz")
            async with EmbeddedPostgres(self.data_dir).connection() as connection:
                await connection.execute(text("SELECT 1"))
        except (httpx.HTTPError, OSError, SQLAlchemyError, asyncpg.PostgresError):
            return False
        port = state.load(self.data_dir).ports["temporal.grpc"]
        return await answers(f"127.0.0.1:{port}", "default")

    async def until_ready(self) -> Self:
        """Until it printed that it is."""

        def announced() -> bool:
            assert self.process.returncode is None, self.output.read_text()
            return any("Palimpsest is ready" in line for line in self.lines)

        await until(announced, 60)
        return self

    async def interrupt(self) -> int:
        """Ctrl-C: SIGINT to the whole process group; the exit status."""
        os.killpg(self.process.pid, signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 60)

    async def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()


async def until(condition: Callable[[], bool], patience: float = 30) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(patience):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


def traces(data_dir: Path) -> list[str]:
    """Processes that name the data directory in their command line, environment or cwd."""
    found: list[str] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = [*process.cmdline(), *process.environ().values(), process.cwd()]
            if any(str(data_dir) in word for word in told):
                found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
    return found


@asynccontextmanager
async def start(
    data_dir: Path,
    *,
    port: int | None = None,
    env: Mapping[str, str] | None = None,
    command: tuple[str, ...] = STAND_IN,
) -> AsyncGenerator[Up]:
    """Start ``up``; whatever happens, it and its children are gone after the block."""
    port = port or ports.choose({"proxy": None})["proxy"]
    own = {"PALIMPSEST_DATA_DIR": str(data_dir), "PALIMPSEST_PORT": str(port), **(env or {})}
    with data_dir.with_suffix(".out").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=child_environment(WARDEN.watched(own)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            start_new_session=True,
        )
    up = Up(data_dir, port, process)
    try:
        yield up
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        for mark in up.children.values():
            mark.kill()
