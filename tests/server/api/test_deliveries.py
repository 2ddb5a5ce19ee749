"""What became of an answer that was handed over whole, by how its connection ended."""

import asyncio
from pathlib import Path

import httpx

from harness.simulator import Simulator
from palimpsest.exchanges.disconnects import RESET_SECONDS
from tests.support.canned_provider import Canned, held
from tests.support.interrupted_clients import SESSION, WHOLE, delivered, send
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    eventually,
    message,
    newest,
)

CONTENT = message("unread", stream=True)


async def leave_it_unread(running: RunningProxy, content: bytes) -> str:
    """A client whose buffers have the whole answer and which closes without a look at it."""
    url = httpx.URL(running.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    request = httpx.Request("POST", f"{running.url}/v1/messages", headers=SESSION, content=content)
    head = b"".join(b"%b: %b\r\n" % pair for pair in request.headers.raw)
    writer.write(b"POST /v1/messages HTTP/1.1\r\n" + head + b"\r\n" + content)
    # In its buffers, that is: nothing is left in the kernel, which would make the end a reset.
    await reader.readuntil(b"message_stop")
    await reader.readuntil(b"0\r\n\r\n")
    request_id = await newest(running)
    writer.close()
    await writer.wait_closed()
    return request_id


async def told(running: RunningProxy, request_id: str) -> None:
    """Wait until the database knows what the edge thinks of it."""
    await eventually(
        lambda: running.process.stores.requests.read_request(request_id),
        lambda row: bool(row.delivered_at),
    )


async def test_closed_at_once_it_is_in_doubt_for_the_grace(parts: Parts, tmp_path: Path) -> None:
    """A re-send is free meanwhile and does not prolong it; then the same body is a new request."""
    async with (
        Canned.serve(held(WHOLE)) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace=3) as running,
    ):
        content = message(str(tmp_path), stream=True)
        request_id = await leave_it_unread(running, content)
        await told(running, request_id)
        row = await running.process.stores.requests.read_request(request_id)
        assert row.delivered_at
        assert row.ended_at
        got = await send(running, content, SESSION)
        assert (got.content, got.headers[ID]) == (WHOLE, request_id)
        assert len(provider.requests) == 1
        assert await state_shown(running, request_id) is None
        await delivered(running, request_id)
        assert (
            await running.process.stores.requests.read_request(request_id)
        ).delivered_at == row.delivered_at
        assert await state_shown(running, request_id)
        again = await send(running, content, SESSION)
        assert again.headers[ID] != request_id
    assert len(provider.requests) == 2


async def state_shown(running: RunningProxy, request_id: str) -> str | None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        return (await client.get(f"/v1/requests/{request_id}")).json()["delivered_at"]


async def test_an_infinite_grace_is_no_infinite_doubt(parts: Parts, tmp_path: Path) -> None:
    async with (
        Canned.serve(held(WHOLE)) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace="inf") as running,
    ):
        request_id = await leave_it_unread(running, message(str(tmp_path), stream=True))
        await told(running, request_id)
        row = await running.process.stores.requests.read_request(request_id)
        assert row.delivered_at
        assert row.ended_at
        assert 55 < (row.delivered_at - row.ended_at).total_seconds() < 70


async def test_a_connection_that_goes_on_has_had_it(
    running: RunningProxy, upstream: Simulator
) -> None:
    """Its next request says so, even if it closes right after that."""
    async with httpx.AsyncClient(base_url=running.url, headers=SESSION) as client:
        first = await client.post("/v1/messages", content=CONTENT)
        await client.get("/healthz")
    await delivered(running, first.headers[ID])
    row = await running.process.stores.requests.read_request(first.headers[ID])
    assert row.delivered_at
    assert row.ended_at
    assert (row.delivered_at - row.ended_at).total_seconds() < RESET_SECONDS + 2
    assert len(upstream.log.messages) == 1
