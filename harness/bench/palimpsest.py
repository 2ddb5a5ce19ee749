"""``palimpsest up`` on a data directory of its own, and the floor on the engine it started."""

import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from harness.bench.target import Target, until_answers
from palimpsest.devstack import ports, state
from palimpsest.devstack.process import Child

Engine = Literal["dev", "postgres"]


@asynccontextmanager
async def palimpsest(
    directory: Path, upstream: Target, engine: Engine
) -> AsyncGenerator[tuple[Target, Target]]:
    """The proxy, ready, and the floor on the same Temporal server."""
    data = directory / f"palimpsest-{engine}"
    port = ports.choose({"proxy": None})["proxy"]
    child = await Child.spawn(
        [Path(sys.executable).with_name("palimpsest"), "up"],
        env={
            "PALIMPSEST_DATA_DIR": str(data),
            "PALIMPSEST_PORT": str(port),
            "PALIMPSEST_UPSTREAM_URL": upstream.url,
            "PALIMPSEST_TEMPORAL_SERVER": engine,
            "PALIMPSEST_LOG_LEVEL": "warning",
            # As transparent as what it is measured against; planning has measures of its own.
            "PALIMPSEST_CONTEXT": "off",
            # Each request of the bench is a fork of its own, which would begin an epoch of its own.
            "PALIMPSEST_CONTEXT_THRIFT": "false",
        },
        log=directory / f"palimpsest-{engine}.log",
    )
    url = f"http://{ports.LOOPBACK}:{port}"
    try:
        await until_answers(f"{url}/readyz", child, seconds=900)
        temporal = f"{ports.LOOPBACK}:{state.load(data).ports_of('temporal')['grpc']}"
        roots = {child.mark.pid: None, **upstream.roots}
        suffix = "" if engine == "dev" else f"-{engine}"
        yield (
            Target(name=f"palimpsest{suffix}", url=url, roots=roots, engine=temporal),
            Target(
                name=f"floor{suffix}",
                url=upstream.url,
                module=("harness.bench.floor", temporal, "default"),
                roots=roots,
            ),
        )
    finally:
        await child.stop(signal.SIGINT, 60)
