"""A rate is that of finished workflows: on a real server, with answers long before the ends."""

import asyncio
import time

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from harness.bench.completion import wait_for_completion
from harness.bench.floor import query, rewrite
from harness.bench.floor_workflow import Floor, Reference
from harness.bench.job import Outcome
from tests.support.requests import eventually
from tests.support.shared_servers import SharedTemporal

QUEUE = "finishing"
RUNNING = f"TaskQueue = '{QUEUE}' AND ExecutionStatus = 'Running'"


class Held:
    """The floor's last step, that waits for ``released``."""

    def __init__(self) -> None:
        self.released = asyncio.Event()

    @activity.defn(name="floor_forward")
    async def forward(self, reference: Reference) -> Reference:
        await self.released.wait()
        return reference


async def test_what_is_left_over_at_the_end_of_the_window_counts_with_its_time(
    temporal: SharedTemporal,
) -> None:
    client = await Client.connect(temporal.address)
    held = Held()
    activities = [query, rewrite, held.forward]
    runner = UnsandboxedWorkflowRunner()

    async def start(number: int) -> None:
        reference = Reference(f"finishing-{number}")
        await client.start_workflow(Floor.run, reference, id=reference.request_id, task_queue=QUEUE)

    async with Worker(
        client, task_queue=QUEUE, workflows=[Floor], activities=activities, workflow_runner=runner
    ):
        outcome = Outcome(began=time.time(), requests=5)
        held.released.set()
        for number in (0, 1):
            await start(number)
            await client.get_workflow_handle(f"finishing-{number}").result()
        held.released.clear()
        outcome.opened = time.time()
        for number in (2, 3, 4):
            await start(number)
        found = asyncio.create_task(wait_for_completion(client, "Floor", outcome))
        await eventually(lambda: client.count_workflows(RUNNING), lambda n: n.count == 3)
        assert not found.done()
        held.released.set()
        whole = await found
    ends = [
        (await client.get_workflow_handle(f"finishing-{number}").describe()).close_time
        for number in range(5)
    ]
    assert whole.failures == []
    assert whole.finished == 3
    last = max(end.timestamp() for end in ends if end)
    assert whole.took == pytest.approx(last - outcome.opened, abs=0.002)
    assert whole.rate == 3 / whole.took
