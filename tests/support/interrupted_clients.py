"""Clients that leave in mid-answer, and what the proxy notices of them."""

from collections.abc import Mapping

import httpx

from tests.support.proxy import RunningProxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    eventually,
    short_stream,
)

SESSION = {**HEADERS, "x-claude-code-session-id": "session-1"}

PIECES = short_stream()

WHOLE = b"".join(PIECES)


async def send(running: RunningProxy, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(timeout=30) as client:
        return await client.post(f"{running.url}/v1/messages", content=content, headers=headers)


async def cut(running: RunningProxy, content: bytes, headers: Mapping[str, str] = HEADERS) -> str:
    """Send, leave in mid-answer, and return the request's id once the proxy has noticed."""
    async with (
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=content, headers=dict(headers)) as got,
    ):
        await anext(got.aiter_raw())
        request_id = got.headers[ID]
    await eventually(lambda: clients(running, request_id), lambda count: not count)
    return request_id


async def clients(running: RunningProxy, request_id: str) -> int:
    exchange = running.process.exchanges.get(request_id)
    return exchange.clients if exchange else 0


async def delivered(running: RunningProxy, request_id: str) -> None:
    """Wait until the database knows that the answer was delivered."""
    await eventually(
        lambda: running.process.stores.requests.find_claim_holder(request_id),
        lambda held: bool(held and held.delivered),
    )
