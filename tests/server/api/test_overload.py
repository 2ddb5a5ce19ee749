"""Many at once are answered late, each; beyond the queue a client is told so at once."""

import asyncio
from pathlib import Path

import httpx
import pytest

from harness.simulator import Simulator
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import HEADERS, client_of, eventually, is_error, message
from tests.support.table_lock import locked, waiting

MANY = 500


@pytest.mark.alone
async def test_five_hundred_streams_are_all_answered(running: RunningProxy) -> None:
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=running.url, headers=HEADERS, timeout=200, limits=limits
    ) as client:
        got = await asyncio.gather(
            *(
                client.post("/v1/messages", content=message(f"stream {number}", stream=True))
                for number in range(MANY)
            )
        )
    assert {one.status_code for one in got} == {200}
    assert all(b"event: message_stop" in one.content for one in got)
    assert running.admission.room.waiting == 0


async def test_beyond_the_queue_it_is_529_at_once(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with (
        running_proxy(parts, tmp_path, upstream.url, begun_at_once=1, queue_length=1) as running,
        client_of(running) as client,
    ):
        async with locked(parts, "claims"):
            first = asyncio.create_task(client.post("/v1/messages", content=message("1")))

            async def stuck() -> bool:
                return await waiting(parts, "claims")

            await eventually(stuck, bool)
            second = asyncio.create_task(client.post("/v1/messages", content=message("2")))

            async def queued() -> bool:
                return (await client.get("/v1/stats")).json()["waiting"] == 1

            await eventually(queued, bool)
            refused = await client.post("/v1/messages", content=message("3"))
            assert refused.status_code == 529
            assert is_error(refused.content, "overloaded_error")
            assert int(refused.headers["retry-after"]) > 0
            metrics = (await client.get("/metrics")).text
            assert "palimpsest_requests_waiting 1.0" in metrics
        assert [(await one).status_code for one in (first, second)] == [200, 200]
    assert len(upstream.log) == 2
