"""The whole stack, each part a process of its own; all of it is gone after the block, whatever
happens to the harness."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from chaos.edge import Edge
from chaos.part import Part
from chaos.weather import ROOT, Provider, provider
from stack import orphans
from stack.postgres import EmbeddedPostgres
from stack.temporal_dev import TemporalDev


@dataclass(frozen=True)
class Stage:
    """``parts`` in the order to start them; ``url`` is the edge's."""

    data_dir: Path
    provider: Provider
    parts: list[Part]
    url: str
    database_url: str


@asynccontextmanager
async def stage(directory: Path) -> AsyncGenerator[Stage]:
    """A stack that is ready, in ``directory``, which is absolute."""
    data_dir = directory / "data"
    data_dir.mkdir(mode=0o700)
    postgres, temporal = EmbeddedPostgres(data_dir), TemporalDev(data_dir)
    async with _reaper(data_dir), provider(data_dir, directory) as running:
        env = {
            "DATABASE_URL": postgres.url,
            "TEMPORAL_ADDRESS": temporal.address,
            "PALIMPSEST_UPSTREAM_URL": running.url,
        }
        edge = Edge(data_dir, env)
        parts = [Part("postgres", postgres), Part("temporal", temporal), Part("edge", edge)]
        try:
            for part in parts:
                await part.up()
            yield Stage(data_dir, running, parts, edge.url, postgres.url)
        finally:
            for part in reversed(parts):
                await part.service.stop()


@asynccontextmanager
async def _reaper(data_dir: Path) -> AsyncGenerator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chaos.reaper", str(data_dir)),
        stdin=asyncio.subprocess.PIPE,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()


def left_running(data_dir: Path) -> list[str]:
    """Processes of the stack that are still there."""
    return [f"{role} {mark.pid} still runs" for role, mark in orphans.find(data_dir, {})]
