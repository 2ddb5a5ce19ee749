"""The whole stack, each component a process of its own; none is left after the block, whatever
happens to the harness."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.chaos.component import Component
from harness.chaos.edge import Edge
from harness.chaos.provider_faults import ROOT, Provider, running_provider
from harness.chaos.redis import Redis
from harness.chaos.worker import Worker
from palimpsest.devstack import orphans
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_dev import TemporalDev


@dataclass(frozen=True)
class Stack:
    """``components`` in the order to start them; ``urls`` are the edges'."""

    data_dir: Path
    provider: Provider
    components: list[Component]
    urls: list[str]
    database_url: str


@asynccontextmanager
async def running_stack(directory: Path, *, redis: bool) -> AsyncGenerator[Stack]:
    """A stack that is ready, in ``directory``, which is absolute: one edge that calls, or with
    ``redis`` two edges and two workers that call for them."""
    data_dir = directory / "data"
    data_dir.mkdir(mode=0o700)
    postgres, temporal = EmbeddedPostgres(data_dir), TemporalDev(data_dir)
    async with _reaper(data_dir), running_provider(data_dir, directory) as running:
        env = {
            "DATABASE_URL": postgres.url,
            "TEMPORAL_ADDRESS": temporal.address,
            "PALIMPSEST_UPSTREAM_URL": running.url,
        }
        components = [Component("postgres", postgres), Component("temporal", temporal)]
        names = ["edge"]
        if redis:
            server = Redis(data_dir)
            env["REDIS_URL"] = server.url
            names = ["edge-1", "edge-2"]
            workers = [(name, Worker(name, data_dir, env)) for name in ("worker-1", "worker-2")]
            components += [Component("redis", server), *(Component(*pair) for pair in workers)]
        edges = [Edge(name, data_dir, env) for name in names]
        components += [Component(*pair) for pair in zip(names, edges, strict=True)]
        try:
            for component in components:
                await component.start()
            yield Stack(data_dir, running, components, [edge.url for edge in edges], postgres.url)
        finally:
            for component in reversed(components):
                await component.service.stop()


@asynccontextmanager
async def _reaper(data_dir: Path) -> AsyncGenerator[None]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "harness.chaos.reaper", str(data_dir)),
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
