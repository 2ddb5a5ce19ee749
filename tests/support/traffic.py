"""Requests of a plain HTTP client."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import httpx
import msgspec

from harness.simulator import Pace, Simulator
from tests.support.supervisor import Up
from tests.support.whole_stack import ended

KEY = {"x-api-key": "sk-ant-e2e"}
_TOOL = {"name": "noop", "description": "Nothing.", "input_schema": {"type": "object"}}
_VERSION = {"anthropic-version": "2023-06-01"}


def body(text: str = "hello", **fields: object) -> bytes:
    """A small Messages request; its tool makes it more than a side call to the provider."""
    frame = {"model": "claude-sonnet-4-6", "max_tokens": 1000, "tools": [_TOOL], **fields}
    return msgspec.json.encode({**frame, "messages": [{"role": "user", "content": text}]})


async def send(
    up: Up, content: bytes, headers: Mapping[str, str] = KEY, path: str = "/v1/messages"
) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        return await client.post(up.url + path, content=content, headers={**_VERSION, **headers})


async def answered(up: Up, text: str) -> str:
    """The id of a request that was answered and is on record."""
    answer = await send(up, body(text))
    assert answer.status_code == 200, answer.text
    return str((await ended(up, answer.headers["x-palimpsest-request-id"]))["id"])


class Stream:
    """A running answer: its id, and what has come of it so far."""

    def __init__(self, response: httpx.Response) -> None:
        self._chunks = response.aiter_bytes()
        self.response = response
        self.request_id = response.headers["x-palimpsest-request-id"]
        self.got = b""

    async def until(self, mark: bytes) -> None:
        """Read on until ``mark`` has come."""
        while mark not in self.got:
            self.got += await anext(self._chunks)

    async def rest(self) -> bytes:
        """Read to the end; all that came."""
        async for chunk in self._chunks:
            self.got += chunk
        return self.got


@asynccontextmanager
async def streaming(
    up: Up, content: bytes, headers: Mapping[str, str] = KEY
) -> AsyncGenerator[Stream]:
    """A streamed request whose first content has come."""
    async with (
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
        client.stream(
            "POST", f"{up.url}/v1/messages", content=content, headers={**_VERSION, **headers}
        ) as response,
    ):
        stream = Stream(response)
        await stream.until(b"content_block_delta")
        yield stream


def renew(provider: Simulator) -> None:
    """Make a provider that others have used as if new."""
    provider.script.set([])
    provider.faults.clear()
    provider.app.pace = Pace()
    provider.app.lenient = False
    provider.log.reset()
