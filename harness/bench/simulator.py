"""The upstream of every target: the tests' simulator, lenient, in a process of its own."""

import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from harness.bench.target import Target, until_answers
from palimpsest.devstack import ports
from palimpsest.devstack.process import Child

ROOT = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def simulator(directory: Path) -> AsyncGenerator[Target]:
    """The ``direct`` target."""
    port = ports.choose({"upstream": None})["upstream"]
    child = await Child.spawn(
        [sys.executable, "-m", "harness.simulator", "--port", str(port), "--lenient"],
        log=directory / "upstream.log",
        cwd=ROOT,
    )
    url = f"http://{ports.LOOPBACK}:{port}"
    try:
        await until_answers(f"{url}/v1/models", child, seconds=30)
        yield Target(name="direct", url=url, roots={child.mark.pid: "simulator"})
    finally:
        await child.stop(signal.SIGTERM, 10)
