"""Clients that send again what was not answered, as agents do."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from harness.simulator.ask import (
    HEADERS,
    encoded,
    request,
    user,
)
from tests.support.installation import Member
from tests.support.requests import eventually
from tests.support.traffic import Stream

SESSION = {**HEADERS, "x-claude-code-session-id": "session"}


def body(text: str, *, stream: bool = True) -> bytes:
    return encoded(request(user(text), stream=stream))


async def send(edge: Member, content: bytes, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(
            f"{edge.url}/v1/messages", content=content, headers={**SESSION, **headers}
        )


@asynccontextmanager
async def streaming(edge: Member, content: bytes) -> AsyncGenerator[Stream]:
    """A streamed request whose first content has come."""
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
        client.stream(
            "POST", f"{edge.url}/v1/messages", content=content, headers=SESSION
        ) as response,
    ):
        stream = Stream(response)
        await stream.until(b"content_block_delta")
        yield stream


async def persist(edges: list[Member], content: bytes) -> bytes:
    """Send to one edge after the other until an answer is whole."""
    turn = 0
    while True:
        with suppress(httpx.TransportError):
            answer = await send(edges[turn % len(edges)], content)
            if answer.status_code == 200 and b"event: message_stop" in answer.content:
                return answer.content
        turn += 1
        await asyncio.sleep(0.2)


async def ended(edge: Member, request_id: str) -> dict[str, Any]:
    """What is on record of a request, once it has ended."""

    async def row() -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            return (await client.get(f"{edge.url}/v1/requests/{request_id}")).json()

    return await eventually(row, lambda row: row.get("state") == "ended")
