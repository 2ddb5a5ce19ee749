"""What the engine says of a workflow, and what it does not."""

import asyncio
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from harness.simulator import Simulator
from palimpsest.runtime.errors import EngineUnavailable
from palimpsest.temporal.starter import PROBE, Starter
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.refusing_engine import refusing
from tests.support.requests import (
    ID,
    client_of,
    eventually,
    message,
)
from tests.support.tcp_relay import Relay
from workflows.contracts import Deadlines


async def test_only_a_workflow_that_was_started_can_have_ended(running: RunningProxy) -> None:
    starter = running.process.starter
    assert not await starter.has_ended("req_whose_start_is_under_way")
    async with client_of(running) as client:
        answer = await client.post("/v1/messages", content=message())
    assert await eventually(lambda: starter.has_ended(answer.headers[ID]), bool)


async def test_an_engine_that_is_away_ends_nothing(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with Relay.to(parts.temporal_address) as relay:
        through = replace(parts, temporal_address=relay.address)
        async with running_proxy(through, tmp_path, upstream.url, engine_timeout=1) as running:
            async with client_of(running) as client:
                answer = await client.post("/v1/messages", content=message())
            ended = running.process.starter.has_ended
            assert await eventually(lambda: ended(answer.headers[ID]), bool)
            relay.cut()
            assert not await ended(answer.headers[ID])
            await relay.restore()


async def test_an_engine_is_there_only_when_it_can_write() -> None:
    """One that answers queries and cannot write, as with a full disk."""
    async with refusing({"SignalWithStartWorkflowExecution": "PERMISSION_DENIED"}) as address:
        engine = await Client.connect(address)
        starter = Starter(engine, "queue", Deadlines(), 5, attributes=False)
        with pytest.raises(EngineUnavailable, match="is not for you"):
            await starter.ping()


async def test_a_probe_is_one_workflow(parts: Parts) -> None:
    engine = await Client.connect(parts.temporal_address, identity=uuid.uuid4().hex)
    starters = [Starter(engine, "queue", Deadlines(), 5, attributes=False) for _ in range(3)]
    for starter in starters:
        await starter.ping()
    probe = engine.get_workflow_handle(f"{PROBE}-{engine.identity}")
    events = [event.event_type async for event in probe.fetch_history_events()]
    assert events.count(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED) == 3
    await probe.terminate()


async def test_a_start_waits_for_an_engine_that_is_slow() -> None:
    """It takes another one meanwhile."""
    async with refusing({}, {"StartWorkflowExecution": 1}) as address:
        engine = await Client.connect(address)
        starter = Starter(engine, "queue", Deadlines(), 1, attributes=False)
        async with asyncio.TaskGroup() as starting:
            slow = starting.create_task(starter.start("req_slow", "m"))
            other = starting.create_task(starter.start("req_other", "m"))
        assert not slow.result()
        assert not other.result()


async def test_a_start_does_not_wait_for_an_engine_that_is_away() -> None:
    async with refusing({}, {"StartWorkflowExecution": 2}) as address:
        engine = await Client.connect(address)
        starter = Starter(engine, "queue", Deadlines(), 0.3, attributes=False)
        with pytest.raises(EngineUnavailable, match="no answer in time"):
            await starter.start("req_away", "m")
    async with refusing({"StartWorkflowExecution": "PERMISSION_DENIED"}) as address:
        starter = Starter(await Client.connect(address), "q", Deadlines(), 5, attributes=False)
        with pytest.raises(EngineUnavailable, match="is not for you"):
            await starter.start("req_refused", "m")
