"""A client that leaves: its call goes on for a while, then it is given up and recorded so."""

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client, WorkflowExecutionStatus

from harness.simulator import Fault, Pace, Simulator
from harness.simulator.ask import BASH
from tests.support.canned_provider import Canned, Received
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    ended,
    eventually,
    message,
    newest,
)
from tests.support.table_lock import locked, waiting

STREAM = message(stream=True, max_tokens=30_000, tools=[BASH])


@asynccontextmanager
async def reading(running: RunningProxy) -> AsyncGenerator[str]:
    """In the block the client reads a stream, which it leaves at the end; the request's id."""
    async with (
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        await anext(got.aiter_raw())
        yield got.headers[ID]


async def ask_and_leave(running: RunningProxy, left: asyncio.Event) -> str:
    """Send a request and go before any answer once ``left`` is set; the request's id."""
    task = asyncio.create_task(client_post(running))
    await left.wait()
    request_id = await newest(running)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return request_id


async def client_post(running: RunningProxy) -> None:
    async with client_of(running) as client:
        await client.post("/v1/messages", content=STREAM)


async def test_after_the_grace_the_call_is_stopped_and_settled(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.app.pace = Pace(between_events=0.05, text_chars=100_000)
    async with running_proxy(parts, tmp_path, upstream.url, client_gone_grace=0.1) as running:
        async with reading(running) as request_id:
            pass
        state = await ended(running, request_id)
        await upstream.log.until(lambda log: log.open == 0)
        assert upstream.log[0].ended == "client_gone"
        assert (state["outcome"], state["reason"]) == ("abandoned", "the client left")
        assert state["attempts"][0]["outcome"] == "abandoned"
        assert state["bytes"]["response"] > 0
        engine = await Client.connect(parts.temporal_address)
        result = await engine.get_workflow_handle(request_id).result()
        assert result["outcome"] == "abandoned"
        await running.process.exchanges.wait_until_empty()


async def test_within_the_grace_the_answer_is_finished(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.app.pace = Pace(between_events=0.02, text_chars=240)
    async with running_proxy(parts, tmp_path, upstream.url, client_gone_grace=20) as running:
        async with reading(running) as request_id:
            pass
        state = await ended(running, request_id)
        content = (await running.process.stores.requests.read_answer(request_id)).content
    assert state["outcome"] == "answered"
    assert content == bytes(upstream.log[0].answer)


async def test_an_infinite_grace_never_stops(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.app.pace = Pace(between_events=0.05, text_chars=240)
    async with running_proxy(parts, tmp_path, upstream.url, client_gone_grace=math.inf) as running:
        async with reading(running) as request_id:
            pass
        assert (await ended(running, request_id))["outcome"] == "answered"


async def test_no_grace_stops_at_once_before_the_first_byte(parts: Parts, tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def silent(_: Received) -> AsyncIterator[bytes]:
        asked.set()
        await asyncio.Event().wait()
        yield b""

    async with (
        Canned.serve(silent) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace=0) as running,
    ):
        request_id = await ask_and_leave(running, asked)
        await provider.hung_up.wait()
        state = await ended(running, request_id)
        assert state["outcome"] == "abandoned"
        assert len(provider.requests) == 1


async def test_leaving_between_two_attempts_makes_no_second(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.faults.push(Fault("status", status=429, retry_after=2))
    async with running_proxy(parts, tmp_path, upstream.url, client_gone_grace=0) as running:
        waiting = asyncio.Event()

        async def watch() -> None:
            await upstream.log.until(lambda log: len(log) == 1 and log.open == 0)
            request_id = await newest(running)
            await eventually(
                lambda: running.process.stores.requests.read_attempts(request_id),
                lambda attempts: bool(attempts and attempts[0].closed_at),
            )
            waiting.set()

        watching = asyncio.create_task(watch())
        request_id = await ask_and_leave(running, waiting)
        await watching
        state = await ended(running, request_id)
        engine = await Client.connect(parts.temporal_address)
        handle = engine.get_workflow_handle(request_id)
        await eventually(
            handle.describe, lambda found: found.status != WorkflowExecutionStatus.RUNNING
        )
        assert len(upstream.log) == 1
        assert (await ended(running, request_id)) == state
        assert (state["outcome"], state["status"]) == ("abandoned", 499)
        assert HEADERS["x-api-key"] not in str(await handle.fetch_history())


async def test_leaving_while_an_attempt_is_being_recorded_makes_no_call(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with running_proxy(parts, tmp_path, upstream.url, client_gone_grace=0) as running:
        async with locked(parts, "attempts"):
            recording = asyncio.Event()
            asking = asyncio.create_task(ask_and_leave(running, recording))
            await eventually(lambda: waiting(parts, "attempts"), bool)
            recording.set()
            request_id = await asking
        state = await ended(running, request_id)
        engine = await Client.connect(parts.temporal_address)
        handle = engine.get_workflow_handle(request_id)
        await eventually(
            handle.describe, lambda found: found.status != WorkflowExecutionStatus.RUNNING
        )
        assert not len(upstream.log)
        assert state["outcome"] == "abandoned"
        assert (await ended(running, request_id))["outcome"] == "abandoned"
