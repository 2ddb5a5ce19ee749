"""`PALIMPSEST_ON_OUTAGE=pass`: what cannot have been rewritten goes through, and says so."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.simulator import Simulator
from palimpsest.conversations.unchanged import UnchangedConversations
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.store.postgres.database import retry_unavailable
from tests.support.lineages import traced
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    body_of,
    client_of,
    ended,
    is_error,
    newest,
)
from tests.support.table_lock import locked
from tests.support.tcp_relay import Relay

ONE = {"role": "user", "content": "one"}
SAID = {"role": "assistant", "content": "said"}
TWO = {"role": "user", "content": "two"}
UNMANAGED = "x-palimpsest-unmanaged"


@pytest.fixture
async def relay(parts: Parts) -> AsyncGenerator[Relay]:
    async with Relay.to(parts.temporal_address) as relay:
        yield relay


@pytest.fixture
async def passing(
    parts: Parts, relay: Relay, upstream: Simulator, tmp_path: Path
) -> AsyncGenerator[RunningProxy]:
    behind = Parts(relay.address, parts.database_url)
    settings = {"on_outage": "pass", "engine_timeout": 0.5}
    async with running_proxy(behind, tmp_path, upstream.url, **settings) as running:
        yield running


async def counted(client: httpx.AsyncClient, why: str) -> bool:
    line = f'palimpsest_requests_unmanaged_total{{why="{why}"}} 1.0'
    return line in (await client.get("/metrics")).text


async def test_with_the_engine_away_a_first_turn_passes(
    passing: RunningProxy, relay: Relay, upstream: Simulator
) -> None:
    relay.cut()
    async with client_of(passing) as client:
        got = await client.post("/v1/messages", content=body_of(ONE))
        assert got.headers[UNMANAGED] == "engine"
        assert got.content == bytes(upstream.log.messages[0].answer)
        assert await counted(client, "engine")
        refused = await client.post("/v1/messages", content=body_of(TWO, SAID, ONE))
        assert refused.status_code == 503
        assert is_error(refused.content, "api_error")
        assert int(refused.headers["retry-after"]) > 0
        # The turn after one that passed unmanaged: nothing was rewritten in between.
        next_turn = await client.post("/v1/messages", content=body_of(ONE, SAID, TWO))
        assert (next_turn.status_code, next_turn.headers[UNMANAGED]) == (200, "engine")
    state = await ended(passing, await newest(passing))
    assert (state["outcome"], state["status"]) == ("failed", 503)
    await relay.restore()
    assert len(upstream.log.messages) == 2


async def test_a_conversation_that_passed_unchanged_goes_on(
    passing: RunningProxy, relay: Relay, upstream: Simulator
) -> None:
    async with client_of(passing) as client:
        managed = await client.post("/v1/messages", content=body_of(ONE, SAID, TWO))
        assert UNMANAGED not in managed.headers
        relay.cut()
        later = body_of(ONE, SAID, TWO, SAID, ONE)
        got = await client.post("/v1/messages", content=later)
        assert (got.status_code, got.headers[UNMANAGED]) == (200, "engine")
    await relay.restore()
    assert upstream.log.messages[-1].body == later


async def test_with_the_database_away(
    passing: RunningProxy, parts: Parts, upstream: Simulator
) -> None:
    """What the database took all the same is ended, so that nobody pays for it again."""
    async with client_of(passing) as client:
        async with locked(parts, "requests"):
            got = await client.post("/v1/messages", content=body_of(TWO))
            assert (got.status_code, got.headers[UNMANAGED]) == (200, "database")
            assert await counted(client, "database")
        assert got.headers[ID]
        again = await client.post("/v1/messages", content=body_of(TWO))
        assert UNMANAGED not in again.headers
    assert len(upstream.log.messages) == 2


async def test_a_database_that_comes_back_in_time_is_waited_for(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with (
        running_proxy(parts, tmp_path, upstream.url) as running,
        client_of(running) as client,
    ):
        async with locked(parts, "claims"):
            sending = asyncio.create_task(client.post("/v1/messages", content=body_of(ONE)))
            done, _ = await asyncio.wait({sending}, timeout=1)
            assert not done
        assert (await sending).status_code == 200


async def test_patience_repeats_until_it_is_over() -> None:
    calls: list[int] = []

    async def back_at(number: int) -> str:
        calls.append(number)
        if len(calls) < number:
            raise DatabaseUnavailable("away")
        return "back"

    assert await retry_unavailable(5, lambda: back_at(3)) == "back"
    assert len(calls) == 3
    calls.clear()
    with pytest.raises(DatabaseUnavailable):
        await retry_unavailable(0.3, lambda: back_at(99))
    assert len(calls) == 2


def test_what_memory_proves() -> None:
    memory = UnchangedConversations()

    def proves(*said: dict[str, Any], caller: str = "one") -> bool:
        body = body_of(*said)
        return memory.proves_unchanged(parse(body), traced(body, caller=caller))

    assert proves(ONE)
    assert not proves(ONE, SAID, TWO)
    memory.record(traced(body_of(ONE), caller="one"))
    assert proves(ONE, SAID, TWO)
    assert proves(ONE)
    assert not proves(ONE, SAID, TWO, SAID, ONE), "the turn between may have been rewritten"
    assert not proves(TWO, SAID, TWO)
    assert not proves(ONE, SAID, TWO, caller="another")
