"""What the engine says of a workflow, and what it does not."""

from dataclasses import replace
from pathlib import Path

from harness.simulator import Simulator
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    client_of,
    eventually,
    message,
)
from tests.support.tcp_relay import Relay


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
