"""Asking a running proxy, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import msgspec
from sqlalchemy import text

from harness.simulator.events import event
from tests.support.proxy import RunningProxy

HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
MODEL = "claude-sonnet-4-6"
T = TypeVar("T")
ID = "x-palimpsest-request-id"


def body_of(*messages: dict[str, Any], **fields: Any) -> bytes:
    """A request body of whole messages."""
    return msgspec.json.encode(
        {"model": MODEL, "max_tokens": 64, **fields, "messages": list(messages)}
    )


def message(text: str = "hello", **fields: Any) -> bytes:
    """A request body with one message of a human."""
    return body_of({"role": "user", "content": text}, **fields)


def client_of(running: RunningProxy) -> httpx.AsyncClient:
    """A client that signs in as the simulator wants it."""
    return httpx.AsyncClient(base_url=running.url, headers=HEADERS, timeout=30)


async def state_of(running: RunningProxy, request_id: str) -> dict[str, Any]:
    """What `GET /v1/requests/{id}` says."""
    async with client_of(running) as client:
        answer = await client.get(f"/v1/requests/{request_id}")
    return answer.json()


async def newest(running: RunningProxy) -> str:
    """The id of the request that was accepted last."""
    [row] = await running.process.stores.database.run(
        text("SELECT id FROM requests ORDER BY accepted_at DESC LIMIT 1")
    )
    return row["id"]


async def ended(running: RunningProxy, request_id: str) -> dict[str, Any]:
    """The same, once the request has ended."""
    return await eventually(
        lambda: state_of(running, request_id), lambda state: state.get("state") == "ended"
    )


async def eventually(look: Callable[[], Awaitable[T]], holds: Callable[[T], bool]) -> T:
    """What ``look`` found when the condition held; for what tells nobody that it changed."""
    while not holds(found := await look()):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    return found


def events_of(stream: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The events of a whole stream; fails on anything that is none."""
    found: list[tuple[str, dict[str, Any]]] = []
    for block in stream.decode().split("\n\n"):
        if block:
            name, data = block.split("\n")
            assert name.startswith("event: ")
            assert data.startswith("data: ")
            found.append((name[7:], msgspec.json.decode(data[6:], type=dict[str, Any])))
    return found


def is_error(body: bytes, kind: str) -> bool:
    """Whether a body is an error of that type in the API's shape."""
    error = msgspec.json.decode(body, type=dict[str, Any])
    return error["type"] == "error" and error["error"]["type"] == kind and error["error"]["message"]


def short_stream(words: str = "hello") -> list[bytes]:
    """The events of a small answer, one to a piece."""
    start: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    usage = {"input_tokens": 11, "output_tokens": 1}
    delta = {"type": "text_delta", "text": words}
    return [
        event("message_start", message={**start, "model": MODEL, "usage": usage}),
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        event("content_block_delta", index=0, delta=delta),
        event("content_block_stop", index=0),
        event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 7}),
        event("message_stop"),
    ]
