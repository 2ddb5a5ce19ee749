"""The workflow as its operator and its client see it, on the real engine."""

import asyncio
import base64
import re
import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.common import SearchAttributeKey

from harness.simulator import Fault, Pace, Simulator
from harness.simulator.ask import BASH
from palimpsest.context.rewriting import RewriteOutcome, rewrite
from palimpsest.conversations import rewriter
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.exchange import Exchange
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.offload import LOOP_BYTES
from palimpsest.temporal.starter import Starter
from palimpsest.temporal.worker import build_worker
from tests.support.canned_provider import Canned, Received
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    ended,
    eventually,
    is_error,
    message,
    newest,
    short_stream,
)
from tests.support.table_lock import locked, renamed
from workflows.contracts import (
    CLOSE_REQUEST,
    CONVERSATION_ATTRIBUTE,
    MODEL_ATTRIBUTE,
    PHASE_ATTRIBUTE,
    QUERY_INTELLIGENCE,
    REWRITE_CONTEXT,
    STATUS_ATTRIBUTE,
    CloseRequestInput,
    Deadlines,
    QueryIntelligenceInput,
    QueryIntelligenceResult,
    RewriteContextInput,
    RewriteContextResult,
)

STREAM = message(stream=True, max_tokens=30_000, tools=[BASH])
Handle = WorkflowHandle[object, object]


@pytest.fixture
async def engine(parts: Parts) -> Client:
    return await Client.connect(parts.temporal_address)


@asynccontextmanager
async def pending(running: RunningProxy, upstream: Simulator) -> AsyncGenerator[str]:
    """A request whose first event never comes; the id. Its client stays until the block ends."""
    upstream.faults.push(Fault("stall", seconds=60))
    fresh = message(uuid.uuid4().hex, stream=True)
    async with client_of(running) as client:
        asking = asyncio.create_task(client.post("/v1/messages", content=fresh))
        await upstream.log.until(lambda log: log.open == 1)
        try:
            yield await newest(running)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


async def test_the_start_is_eager(running: RunningProxy, upstream: Simulator) -> None:
    """Its first task runs in this very process: no hop through the engine's queues."""
    process, view = running.process, parse(STREAM)
    session = {"x-claude-code-session-id": uuid.uuid4().hex}
    headers = tuple((k.encode(), v.encode()) for k, v in {**HEADERS, **session}.items())
    async with client_of(running) as client:
        await client.post("/v1/messages", content=STREAM)
    request_id = f"req_{uuid.uuid4().hex[:26]}"
    exchange = Exchange(request_id, view, b"/v1/messages", headers)
    process.exchanges.add(exchange)
    assert await process.edge.idempotency.claim(exchange) is exchange
    assert await process.starter.start(request_id, view.model)
    async for _ in exchange.answer.read(None):
        pass
    assert exchange.answer.received() == bytes(upstream.log[1].answer)
    process.exchanges.forget(request_id)


async def test_each_start_of_a_request_is_eager(
    running: RunningProxy, engine: Client, upstream: Simulator
) -> None:
    async with client_of(running) as client:
        got = await client.post("/v1/messages", content=STREAM)
        again = await client.post("/v1/messages", content=STREAM)
    for request_id in (got.headers[ID], again.headers[ID]):
        history = await engine.get_workflow_handle(request_id).fetch_history()
        started = history.events[0].workflow_execution_started_event_attributes
        assert started.eager_execution_accepted


async def test_what_an_operator_finds_with_one_filter(
    running: RunningProxy, engine: Client, upstream: Simulator
) -> None:
    async with pending(running, upstream) as request_id:
        queue = running.process.settings.task_queue
        stuck = f"{PHASE_ATTRIBUTE} = 'forward' AND {STATUS_ATTRIBUTE} = 'running'"
        query = f"{stuck} AND {MODEL_ATTRIBUTE} = 'claude-sonnet-4-6' AND TaskQueue = '{queue}'"

        async def found() -> list[str]:
            return [workflow.id async for workflow in engine.list_workflows(query)]

        assert await eventually(found, bool) == [request_id]
        described = await engine.get_workflow_handle(request_id).describe()
        assert await described.static_summary() == "claude-sonnet-4-6 request"
        key = SearchAttributeKey.for_keyword(CONVERSATION_ATTRIBUTE)
        conversation = "conv_" + request_id.removeprefix("req_")
        assert described.typed_search_attributes[key] == conversation


async def test_heartbeats_are_seen_on_the_pending_forward(
    parts: Parts, engine: Client, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.app.pace = Pace(between_events=0.05, text_chars=100_000)
    async with (
        running_proxy(parts, tmp_path, upstream.url, client_gone_grace=0) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        handle = engine.get_workflow_handle(got.headers[ID])
        reading = asyncio.create_task(got.aread())

        async def details() -> list[bytes]:
            described = await handle.describe()
            [activity] = described.raw_description.pending_activities
            assert activity.activity_type.name == "forward_upstream"
            assert activity.attempt == 1
            return [payload.data for payload in activity.heartbeat_details.payloads]

        [beat] = await eventually(details, bool)
        progress = msgspec.json.decode(beat)
        assert progress["phase"] == "streaming"
        assert progress["provider"] == upstream.url
        assert progress["bytes"] > 0
        assert progress["seconds"] > 0
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_query_that_hangs_degrades(
    parts: Parts, running: RunningProxy, engine: Client, upstream: Simulator
) -> None:
    async with client_of(running) as client:
        async with locked(parts, "heads"):
            asking = asyncio.create_task(client.post("/v1/messages", content=STREAM))
            await upstream.log.until(lambda log: len(log) == 1)
        got = await asking
        assert got.status_code == 200
        assert got.headers["x-palimpsest-degraded"] == "query: deadline passed"
        assert got.content == bytes(upstream.log[0].answer)
        state = await ended(running, got.headers[ID])
        assert state["outcome"] == "answered"
        assert state["conversation"] is None
        result = await engine.get_workflow_handle(got.headers[ID]).result()
        assert result["degraded"] == ["query: deadline passed"]
        metrics = (await client.get("/metrics")).text
    assert 'palimpsest_requests_degraded_total{phase="query"} 1.0' in metrics


async def test_a_query_that_fails_degrades(
    parts: Parts, running: RunningProxy, upstream: Simulator
) -> None:
    async with client_of(running) as client:
        async with renamed(parts, "heads"):
            asking = asyncio.create_task(client.post("/v1/messages", content=STREAM))
            await upstream.log.until(lambda log: len(log) == 1)
        got = await asking
    assert got.headers["x-palimpsest-degraded"] == "query: failed"
    assert (await ended(running, got.headers[ID]))["outcome"] == "answered"


async def test_planning_that_is_late_degrades(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planner is held until the client has its answer."""
    planning, answered = threading.Event(), threading.Event()

    def held(*arguments: Any) -> RewriteOutcome:
        planning.set()
        answered.wait()
        return rewrite(*arguments)

    async def script(received: Received) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        yield b"".join(short_stream())

    monkeypatch.setattr(rewriter, "rewrite", held)
    too_big_for_the_loop = message("word " * LOOP_BYTES, stream=True)
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        try:
            got = await client.post("/v1/messages", content=too_big_for_the_loop)
            state = await ended(running, got.headers[ID])
        finally:
            answered.set()
    assert planning.is_set()
    assert got.headers["x-palimpsest-degraded"] == "rewrite: deadline passed"
    assert (state["outcome"], state["tokens"]["counted"]) == ("answered", None)


async def test_an_operator_cancels(
    running: RunningProxy, engine: Client, upstream: Simulator
) -> None:
    upstream.app.pace = Pace(between_events=0.05, text_chars=100_000)
    async with (
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        chunks = got.aiter_raw()
        seen = await anext(chunks)
        handle = engine.get_workflow_handle(got.headers[ID])
        await handle.cancel()
        seen += b"".join([chunk async for chunk in chunks])
        assert b"event: error\n" in seen
        assert b"cancelled" in seen
        assert b"message_stop" not in seen
        state = await ended(running, got.headers[ID])
        assert state["outcome"] == "cancelled"
        await upstream.log.until(lambda log: log.open == 0)
        assert upstream.log[0].ended == "client_gone"
        described = await eventually(
            handle.describe, lambda found: found.status != WorkflowExecutionStatus.RUNNING
        )
        assert described.status == WorkflowExecutionStatus.CANCELED
    assert len(upstream.log) == 1


async def test_an_operator_cancels_before_the_first_byte(
    running: RunningProxy, engine: Client, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("stall", seconds=60))
    async with client_of(running) as client:
        asking = asyncio.create_task(client.post("/v1/messages", content=STREAM))
        await upstream.log.until(lambda log: log.open == 1)
        await engine.get_workflow_handle(await newest(running)).cancel()
        got = await asking
    assert got.status_code == 503
    assert is_error(got.content, "api_error") or is_error(got.content, "cancelled")
    assert (await ended(running, got.headers[ID]))["outcome"] == "cancelled"


async def test_an_operator_terminates_between_attempts(
    running: RunningProxy, engine: Client, upstream: Simulator
) -> None:
    """A terminated workflow says nothing to anybody; the edge looks for itself."""
    upstream.faults.push(Fault("status", status=429, retry_after=60))
    async with client_of(running) as client:
        asking = asyncio.create_task(client.post("/v1/messages", content=STREAM))
        await upstream.log.until(lambda log: len(log) == 1 and log.open == 0)
        await engine.get_workflow_handle(await newest(running)).terminate("enough")
        got = await asking
    assert got.status_code == 502
    assert is_error(got.content, "api_error")
    assert (await ended(running, got.headers[ID]))["outcome"] == "cancelled"
    assert len(upstream.log) == 1


async def test_no_body_and_no_credential_in_a_history(
    parts: Parts, engine: Client, tmp_path: Path
) -> None:
    async def script(_: Received) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
        yield b"".join(short_stream("the answer is secret"))

    text = "the body is secret " * 600_000
    secrets = {"authorization": "Bearer sk-ant-oat-verysecret", "cookie": "session=verysecret"}
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        body = message(text, stream=True)
        assert len(body) > 11_000_000
        got = await client.post("/v1/messages?key=verysecret", content=body, headers=secrets)
        assert got.status_code == 200
        await ended(running, got.headers[ID])
        handle = engine.get_workflow_handle(got.headers[ID])
        await handle.result()
        history = (await handle.fetch_history()).to_json()
    assert len(history) < 40_000
    decoded = history + "".join(
        base64.b64decode(data).decode("latin-1")
        for data in re.findall(r'"data": ?"([A-Za-z0-9+/=]+)"', history)
    )
    assert '"request_id"' in decoded
    for secret in ("verysecret", "is secret", HEADERS["x-api-key"]):
        assert secret not in decoded


async def test_a_request_nobody_knows_ends_failed(running: RunningProxy, engine: Client) -> None:
    """No row and no exchange: nothing to query, nothing to rewrite, nobody to tell."""
    nobody = f"req_{uuid.uuid4().hex[:26]}"
    await running.process.starter.start(nobody, "claude-sonnet-4-6")
    handle = engine.get_workflow_handle(nobody)
    described = await eventually(
        handle.describe, lambda found: found.status != WorkflowExecutionStatus.RUNNING
    )
    assert described.status == WorkflowExecutionStatus.FAILED
    key = SearchAttributeKey.for_keyword(STATUS_ATTRIBUTE)
    assert described.typed_search_attributes[key] == "failed"


async def test_a_rewrite_that_fails_is_503_and_its_end_is_recorded(
    parts: Parts, engine: Client
) -> None:
    """The other activities stand in: the real rewrite has the request in memory."""
    closed: list[CloseRequestInput] = []

    @activity.defn(name=QUERY_INTELLIGENCE)
    async def query(_: QueryIntelligenceInput) -> QueryIntelligenceResult:
        return QueryIntelligenceResult("conv_1", 2, "00", None, 1.0)

    @activity.defn(name=REWRITE_CONTEXT)
    async def rewrite(_: RewriteContextInput) -> RewriteContextResult:
        raise DatabaseUnavailable("the ledger cannot be read")

    @activity.defn(name=CLOSE_REQUEST)
    async def close(request: CloseRequestInput) -> None:
        closed.append(request)

    queue = f"test-{uuid.uuid4().hex[:12]}"
    async with build_worker(engine, queue, [query, rewrite, close], concurrency=10, graceful=0):
        starter = Starter(engine, queue, Deadlines(), 5, attributes=False)
        request_id = f"req_{uuid.uuid4().hex[:26]}"
        await starter.start(request_id, "m")
        with pytest.raises(WorkflowFailureError):
            await engine.get_workflow_handle(request_id).result()
    assert closed == [CloseRequestInput(request_id, 503, "api_error", "the ledger cannot be read")]
