"""``python -m tests.histories``: run one request of each ending and keep its history here; or of
those that are named.

Run it when the workflow was changed on purpose, together with what keeps older runs replaying.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus

from harness.simulator import Fault, Pace, Simulator
from harness.simulator.ask import BASH
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_dev import TemporalDev
from tests.support.agent import SETTINGS, Agent
from tests.support.canned_provider import Canned, always
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    client_of,
    eventually,
    message,
    newest,
)
from tests.support.table_lock import locked

HERE = Path(__file__).parent
STREAM = message(stream=True, max_tokens=30_000, tools=[BASH])


class Recorder:
    """Makes requests end in each of the ways; every method returns a request's id."""

    def __init__(self, parts: Parts, simulator: Simulator, scratch: Path) -> None:
        self._parts = parts
        self._simulator = simulator
        self._scratch = scratch

    async def answered_stream(self) -> str:
        return await self._ask()

    async def answered(self) -> str:
        return await self._ask(message())

    async def retried(self) -> str:
        return await self._ask(faults=[Fault("status", status=529), Fault("cut", after=0)])

    async def upstream_error(self) -> str:
        return await self._ask(message(model="claude-none"))

    async def unreachable(self) -> str:
        async with Canned.serve(always(b"")) as provider:
            nobody = provider.url
        async with self._proxy(nobody, retry_attempts=2) as running:
            return await self._post(running, STREAM)

    async def degraded(self) -> str:
        async with self._proxy() as running, client_of(running) as client:
            async with locked(self._parts, "heads"):
                asking = asyncio.create_task(client.post("/v1/messages", content=STREAM))
                before = len(self._simulator.log)
                await self._simulator.log.until(lambda log: len(log) > before)
            return (await asking).headers[ID]

    async def rewritten(self) -> str:
        agent = Agent(self._simulator)
        async with self._proxy(**SETTINGS) as running:
            step = await agent.until_epoch(running.url)
        return step.answer.headers[ID]

    async def summarised(self) -> str:
        agent = Agent(self._simulator)
        async with self._proxy(**SETTINGS, summariser="claude-haiku-4-5") as running:
            step = await agent.until_epoch(running.url)
        return step.answer.headers[ID]

    async def abandoned(self) -> str:
        async with self._proxy(client_gone_grace=0) as running:
            return await self._read_some(running, lambda _: _nothing())

    async def cancelled(self) -> str:
        engine = await Client.connect(self._parts.temporal_address)
        async with self._proxy() as running:
            return await self._read_some(
                running, lambda request_id: engine.get_workflow_handle(request_id).cancel()
            )

    async def _ask(self, body: bytes = STREAM, faults: list[Fault] | None = None) -> str:
        self._simulator.faults.push(*faults or ())
        async with self._proxy() as running:
            return await self._post(running, body)

    @asynccontextmanager
    async def _proxy(self, url: str | None = None, **changes: Any) -> AsyncGenerator[RunningProxy]:
        folder = Path(tempfile.mkdtemp(dir=self._scratch))
        async with running_proxy(
            self._parts, folder, url or self._simulator.url, **changes
        ) as running:
            yield running
            engine = await Client.connect(self._parts.temporal_address)
            handle = engine.get_workflow_handle(await newest(running))
            await eventually(
                handle.describe, lambda found: found.status != WorkflowExecutionStatus.RUNNING
            )

    async def _post(self, running: RunningProxy, body: bytes) -> str:
        async with client_of(running) as client:
            return (await client.post("/v1/messages", content=body)).headers[ID]

    async def _read_some(
        self, running: RunningProxy, then: Callable[[str], Awaitable[None]]
    ) -> str:
        self._simulator.app.pace = Pace(between_events=0.05, text_chars=100_000)
        async with (
            client_of(running) as client,
            client.stream("POST", "/v1/messages", content=STREAM) as got,
        ):
            await anext(got.aiter_raw())
            await then(got.headers[ID])
        self._simulator.app.pace = Pace()
        return got.headers[ID]


async def _nothing() -> None:
    """The client just leaves."""


async def record(folder: Path, endings: Sequence[str]) -> None:
    """Write these histories to ``folder``."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        async with (
            EmbeddedPostgres.running(scratch) as postgres,
            TemporalDev.running(scratch) as temporal,
            Simulator.serve() as simulator,
        ):
            parts = Parts(temporal.address, postgres.url)
            recorder = Recorder(parts, simulator, scratch)
            engine = await Client.connect(temporal.address)
            for ending in endings:
                request_id = await getattr(recorder, ending)()
                history = await engine.get_workflow_handle(request_id).fetch_history()
                (folder / f"{ending}.json").write_text(history.to_json() + "\n")
                print(f"{ending}: {len(history.events)} events", flush=True)  # noqa: T201


ENDINGS = (
    "answered_stream",
    "answered",
    "retried",
    "upstream_error",
    "unreachable",
    "degraded",
    "rewritten",
    "summarised",
    "abandoned",
    "cancelled",
)

if __name__ == "__main__":
    asyncio.run(record(HERE, sys.argv[1:] or ENDINGS))
