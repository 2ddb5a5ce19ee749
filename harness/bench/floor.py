"""The floor: the least any proxy can cost whose every request is a Temporal workflow.

Closed-loop clients start the bare workflow in the worker's own process, with no HTTP edge and no
database. ``python -m harness.bench.floor ADDRESS NAMESPACE`` reads a Job and writes an Outcome.
"""

import asyncio
import sys
import time
import uuid

import httpx
import uvloop
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from harness.bench.answers import check
from harness.bench.bodies import Conversation, conversation
from harness.bench.completion import wait_for_completion
from harness.bench.floor_workflow import Floor, Reference
from harness.bench.job import (
    Job,
    Outcome,
    read_job,
    write_outcome,
)
from harness.bench.window import RequestFailed, Timing, Window

QUEUE = "bench-floor"
ANSWER_LIMIT = 60.0


class Exchange:
    """A request in flight: its body, and its answer when ``done``."""

    def __init__(self, body: bytes, session: str) -> None:
        self.body = body
        self.session = session
        self.timing = Timing()
        self.answer = bytearray()
        self.status = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


@activity.defn(name="floor_query")
async def query(reference: Reference) -> Reference:
    return reference


@activity.defn(name="floor_rewrite")
async def rewrite(reference: Reference) -> Reference:
    return reference


class Forward:
    """The third step; the exchanges are handed over in the process."""

    def __init__(self, http: httpx.AsyncClient, exchanges: dict[str, Exchange]) -> None:
        self._http = http
        self._exchanges = exchanges

    @activity.defn(name="floor_forward")
    async def forward(self, reference: Reference) -> Reference:
        exchange = self._exchanges.pop(reference.request_id)
        headers = {
            "content-type": "application/json",
            "x-api-key": "bench",
            "anthropic-version": "2023-06-01",
            "x-claude-code-session-id": exchange.session,
        }
        async with self._http.stream(
            "POST", "/v1/messages?beta=true", content=exchange.body, headers=headers
        ) as response:
            exchange.status = response.status_code
            async for chunk in response.aiter_raw():
                if not exchange.answer:
                    exchange.timing.first_byte = time.perf_counter()
                exchange.answer += chunk
        exchange.timing.ended = time.perf_counter()
        exchange.done.set_result(None)
        return reference


class FloorLoad:
    """The clients of one job, in the worker's process."""

    def __init__(self, job: Job, client: Client) -> None:
        self._job = job
        self._client = client
        self._exchanges: dict[str, Exchange] = {}
        self._run = uuid.uuid4().hex
        self._conversations: dict[int, Conversation] = {}

    async def run(self) -> Outcome:
        for client in range(self._job.clients):
            self._conversations[client] = conversation(
                self._job.body_kb, client, stream=self._job.stream
            )
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
        async with (
            httpx.AsyncClient(base_url=self._job.url, limits=limits, timeout=60) as http,
            Worker(
                self._client,
                task_queue=QUEUE,
                workflows=[Floor],
                activities=[query, rewrite, Forward(http, self._exchanges).forward],
                workflow_runner=UnsandboxedWorkflowRunner(),
                max_concurrent_workflow_tasks=200,
                max_concurrent_activities=200,
                max_concurrent_local_activities=200,
                debug_mode=True,
            ),
        ):
            return await self._measure()

    async def _measure(self) -> Outcome:
        failures: list[str] = []

        async def once(client: int, number: int) -> Timing:
            return await self._once(client, number, failures)

        outcome = await Window(self._job, once).run()
        outcome.failures += failures
        return await wait_for_completion(self._client, "Floor", outcome)

    async def _once(self, client: int, number: int, failures: list[str]) -> Timing:
        request_id = f"floor-{self._run}-{client}-{number}"
        body = self._conversations[client].body(
            f"Run {self._run}, client {client}, turn {number}: and now?"
        )
        exchange = self._exchanges[request_id] = Exchange(body, f"{self._run}-{client}")
        handle = await self._client.start_workflow(
            Floor.run,
            Reference(request_id),
            id=request_id,
            task_queue=QUEUE,
            request_eager_start=True,
        )
        if not getattr(handle, "__temporal_eagerly_started", False):
            failures.append("not started eagerly")
        try:
            async with asyncio.timeout(ANSWER_LIMIT):
                await exchange.done
        except TimeoutError:
            raise RequestFailed("no answer") from None
        check(exchange.status, exchange.answer, stream=self._job.stream)
        return exchange.timing


async def run(address: str, namespace: str) -> None:
    client = await Client.connect(address, namespace=namespace)
    write_outcome(await FloorLoad(read_job(), client).run())


def main() -> None:
    uvloop.run(run(sys.argv[1], sys.argv[2]))


if __name__ == "__main__":
    main()
