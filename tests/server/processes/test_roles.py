"""What an edge and a worker are to each other."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from harness.simulator import Pace, Simulator
from harness.simulator.ask import HEADERS
from palimpsest.runtime.errors import StartupFailed
from tests.support.agent import SETTINGS, Agent
from tests.support.proxy import Parts, RunningProxy
from tests.support.redis_server import RedisServer
from tests.support.requests import (
    ID,
    ended,
    events_of,
    eventually,
)
from tests.support.resending_clients import SESSION, body
from tests.support.roles import Roles


@pytest.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[RedisServer]:
    async with RedisServer.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def roles(parts: Parts, redis: RedisServer, tmp_path: Path, upstream: Simulator) -> Roles:
    return Roles(parts, redis, tmp_path, upstream.url)


async def ask(
    edge: RunningProxy, text: str, headers: dict[str, str] | None = None
) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.post(
            f"{edge.url}/v1/messages", content=body(text), headers=headers or SESSION
        )


async def test_a_worker_carries_what_came_to_an_edge(roles: Roles, upstream: Simulator) -> None:
    async with roles.edge() as edge, roles.worker() as worker:
        answer = await ask(edge, "roles")
        row = await ended(edge, answer.headers[ID])
        assert [attempt["owner"] for attempt in row["attempts"]] == [worker.owner]
        assert 0 < row["times"]["overhead_ms"] < row["times"]["total_ms"]
        assert b"palimpsest_recoveries_total 0.0" in worker.metrics.render()
        assert b"palimpsest_wire_calls_total 1.0" in worker.metrics.render()
        async with asyncio.timeout(5):
            await worker.exchanges.wait_until_empty()
            await edge.process.exchanges.wait_until_empty()
    assert answer.content == bytes(upstream.log.messages[0].answer)


async def test_a_worker_sends_what_was_decided_elsewhere(roles: Roles, upstream: Simulator) -> None:
    """It holds no rendering, and makes it from the ledger."""
    agent = Agent(upstream)
    async with roles.edge(**SETTINGS) as edge, roles.worker(**SETTINGS):
        began = await agent.until_epoch(edge.url)
        after = await agent.step(edge.url)
    assert (began.epoch, after.epoch) == (1, 1)
    assert len(after.forwarded) < len(after.sent)
    assert not [call for call in upstream.log.messages if call.facts["dropped"]]


async def test_a_worker_has_a_cut_summed_up(roles: Roles, upstream: Simulator) -> None:
    """The edge plans, and the process that holds the way to the provider asks."""
    settings = {**SETTINGS, "summariser": "claude-haiku-4-5"}
    agent = Agent(upstream)
    async with roles.edge(**settings) as edge, roles.worker(**settings) as worker:
        began = await agent.until_epoch(edge.url)
        row = await ended(edge, began.answer.headers[ID])
        told = [(attempt["kind"], attempt["owner"]) for attempt in row["attempts"]]
        assert told == [("summary", worker.owner), ("answer", worker.owner)]
        await worker.exchanges.wait_until_empty()
        metrics = worker.metrics.render()
    assert b"A summary, written by the model claude-haiku-4-5" in began.forwarded
    assert b"palimpsest_recoveries_total 0.0" in metrics


async def test_a_request_waits_for_a_worker(roles: Roles) -> None:
    async with roles.edge() as edge:
        asking = asyncio.create_task(ask(edge, "patience"))
        await asyncio.wait({asking}, timeout=0.5)
        assert not asking.done()
        async with roles.worker():
            assert (await asking).status_code == 200


async def test_five_sends_to_two_edges_are_one_call(roles: Roles, upstream: Simulator) -> None:
    upstream.pace.before_first_byte = 0.5
    async with roles.edge() as one, roles.edge() as two, roles.worker():
        edges = (one, two, one, two, one)
        answers = await asyncio.gather(*(ask(edge, "five") for edge in edges))
    [call] = upstream.log.messages
    assert {answer.content for answer in answers} == {bytes(call.answer)}


async def test_two_live_unmarked_clients_of_two_edges_are_two_calls(
    roles: Roles, upstream: Simulator
) -> None:
    upstream.pace.before_first_byte = 0.5
    async with roles.edge() as one, roles.edge() as two, roles.worker():
        await asyncio.gather(*(ask(edge, "samples", HEADERS) for edge in (one, two)))
    assert len(upstream.log.messages) == 2


async def test_a_worker_that_stops_hands_its_calls_over(roles: Roles, upstream: Simulator) -> None:
    upstream.app.pace = Pace(before_first_byte=30)
    async with roles.edge() as edge, AsyncExitStack() as leaving:
        await leaving.enter_async_context(roles.worker(drain_timeout=0.2))
        asking = asyncio.create_task(ask(edge, "handed over"))
        await upstream.log.until(lambda log: len(log.messages) == 1)
        upstream.app.pace = Pace()
        async with roles.worker() as second:
            await leaving.aclose()
            answer = await asking
            row = await ended(edge, answer.headers[ID])
            assert row["attempts"][-1]["owner"] == second.owner
    assert answer.status_code == 200
    assert [attempt["outcome"] for attempt in row["attempts"]] == ["broken", "answered"]
    cut, whole = upstream.log.messages
    assert cut.ended == "client_gone"
    assert answer.content == bytes(whole.answer)


async def test_a_call_cut_in_mid_stream_ends_in_an_error_and_goes_on(
    roles: Roles, upstream: Simulator
) -> None:
    """Its client's re-send, not marked as one, is given the new answer."""
    upstream.app.pace = Pace(between_events=0.2, text_chars=500)
    async with roles.edge() as edge, AsyncExitStack() as leaving:
        await leaving.enter_async_context(roles.worker(drain_timeout=0.2))
        asking = asyncio.create_task(ask(edge, "cut", HEADERS))
        await upstream.log.until(lambda log: len(log.messages) == 1)
        [call] = upstream.log.messages
        await eventually(lambda: seen(edge), lambda size: size > 100)
        async with roles.worker():
            await leaving.aclose()
            broken = await asking
            upstream.app.pace = Pace()
            again = await ask(edge, "cut", HEADERS)
    *_, (name, data) = events_of(broken.content)
    assert (name, data["error"]["type"]) == ("error", "api_error")
    assert broken.content.partition(b"event: error")[0] in bytes(call.answer)
    assert again.headers[ID] == broken.headers[ID]
    assert again.content == bytes(upstream.log.messages[1].answer)
    assert len(upstream.log.messages) == 2


async def seen(edge: RunningProxy) -> int:
    """Bytes that have come to an edge of its only answer."""
    sizes = [
        exchange.answer.size
        for request_id in edge.process.exchanges.ids()
        if (exchange := edge.process.exchanges.get(request_id))
    ]
    return max(sizes, default=0)


async def test_another_vault_key_is_refused_at_start(roles: Roles) -> None:
    other = base64.b64encode(b"x" * 32).decode()
    async with roles.worker():
        with pytest.raises(StartupFailed, match="PALIMPSEST_VAULT_KEY"):
            async with roles.worker(vault_key=other):
                pass


async def test_it_starts_without_redis(roles: Roles, redis: RedisServer) -> None:
    await redis.kill()
    try:
        async with roles.edge() as edge, httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{edge.url}/readyz")).status_code == 200
    finally:
        await redis.start()
