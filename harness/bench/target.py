"""A target: something that runs and can be measured."""

import asyncio
import sys
from collections import Counter
from collections.abc import Mapping

import httpx
import msgspec
from temporalio.client import Client

from harness.bench.completion import wait_for_completion
from harness.bench.job import Job, Outcome
from harness.bench.usage import cpu_seconds
from palimpsest.devstack.process import Child
from palimpsest.runtime import settings
from palimpsest.runtime.errors import StartupFailed
from workflows.contracts import WORKFLOW

HTTP_LOAD = ("harness.bench.load",)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """``module`` is the load process with its arguments; ``roots`` are the process trees whose
    CPU counts for this target, each with the role of its processes or None for their own.
    ``engine`` is the address of the Temporal server on which each of its requests is a workflow.
    """

    name: str
    url: str
    module: tuple[str, ...] = HTTP_LOAD
    roots: Mapping[int, str | None] = {}
    api_key: str = "bench"
    engine: str | None = None


class Measurement(msgspec.Struct, frozen=True):
    """``cpu`` is in seconds by role, over all of the outcome's requests."""

    outcome: Outcome
    cpu: Counter[str]


async def measure(target: Target, job: Job) -> Measurement:
    """Run one job against one target, in a load process of its own. Raises StartupFailed."""
    before = cpu_of(target)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", *target.module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=settings.child_environment({}),
    )
    output, _ = await process.communicate(msgspec.json.encode(job))
    if process.returncode:
        raise StartupFailed(f"{' '.join(target.module)} ended with status {process.returncode}")
    try:
        outcome = msgspec.json.decode(output, type=Outcome)
    except msgspec.DecodeError as error:
        raise StartupFailed(
            f"{target.module[0]}: {len(output)} bytes of outcome: {error}"
        ) from error
    if target.engine:
        client = await Client.connect(target.engine)
        outcome = await wait_for_completion(client, WORKFLOW, outcome)
    used = cpu_of(target)
    used.subtract(before)
    used["load" if target.module == HTTP_LOAD else "floor"] += outcome.cpu_seconds  # pyright: ignore[reportArgumentType]
    return Measurement(outcome, used)


async def open_conversations(target: Target, body_kb: int, clients: int) -> None:
    """Let a proxy see the conversations that the jobs go on with. Raises StartupFailed."""
    if target.module == HTTP_LOAD:
        job = Job(
            url=target.url,
            clients=clients,
            body_kb=body_kb,
            stream=True,
            seconds=0,
            api_key=target.api_key,
            opening=True,
        )
        await measure(target, job)


def cpu_of(target: Target) -> Counter[str]:
    used: Counter[str] = Counter()
    for root, role in target.roots.items():
        used.update(cpu_seconds(root, role))
    return used


async def until_answers(url: str, child: Child, *, seconds: float) -> None:
    """Wait until ``url`` answers without a server error.

    Raises StartupFailed when the process ends or is late.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    async with httpx.AsyncClient(timeout=5, trust_env=False) as http:
        while True:
            try:
                if (await http.get(url)).status_code < 500:
                    return
            except httpx.TransportError:
                pass
            if child.status is not None:
                raise StartupFailed(f"{url}: it ended: {child.last_words()}")
            if loop.time() > deadline:
                raise StartupFailed(f"no answer at {url} after {seconds:.0f} s")
            await asyncio.sleep(0.1)
