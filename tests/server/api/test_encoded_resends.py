"""Who joins a request can read its answer, however the provider encoded it for the first client."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.canned_provider import Canned, Received, answer
from tests.support.encoders import ENCODERS
from tests.support.interrupted_clients import clients
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import HEADERS, ID, client_of, eventually, message

JSON = b'{"type":"message","content":[],"usage":{"input_tokens":3,"output_tokens":2}}'
PACKED = gzip.compress(JSON)
Got = tuple[bytes, str | None, str]


async def send(running: RunningProxy, content: bytes, key: str, accepts: str | None) -> Got:
    """The body as it is on the wire, its encoding, and the request's id."""
    async with client_of(running) as client:
        del client.headers["accept-encoding"]
        headers = {**HEADERS, "idempotency-key": key}
        if accepts is not None:
            headers["accept-encoding"] = accepts
        async with client.stream("POST", "/v1/messages", content=content, headers=headers) as got:
            body = b"".join([chunk async for chunk in got.aiter_raw()])
    assert got.status_code == 200
    assert got.headers.get("x-theirs") == "1"
    return body, got.headers.get("content-encoding"), got.headers[ID]


def packed(encoding: str, body: bytes) -> bytes:
    kinds = (("content-type", "application/json"), ("x-theirs", "1"))
    return answer(body, *kinds, ("content-encoding", encoding))


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_who_cannot_read_an_encoding_gets_it_decoded(
    parts: Parts, tmp_path: Path, encoding: str
) -> None:
    """While the call runs, when it is over, and from another process."""
    asked, more, coded = asyncio.Event(), asyncio.Event(), ENCODERS[encoding](JSON)

    async def script(_: Received) -> AsyncIterator[bytes]:
        asked.set()
        await more.wait()
        yield packed(encoding, coded)

    content, key, both = message(str(tmp_path)), str(tmp_path), "gzip, deflate, br, zstd"
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
    ):
        first = asyncio.create_task(send(running, content, key, both))
        await asked.wait()
        joining = [
            asyncio.create_task(send(running, content, key, accepts))
            for accepts in ("identity", None, both)
        ]
        await eventually(lambda: readers(running), lambda count: count == 4)
        more.set()
        as_it_came = await first
        decoded = (JSON, None, as_it_came[2])
        assert as_it_came[:2] == (coded, encoding)
        assert [await each for each in joining] == [decoded, decoded, as_it_came]
        async with running_proxy(parts, tmp_path, provider.url) as other:
            assert await send(other, content, key, "identity") == decoded
            assert await send(other, content, key, both) == as_it_came
    assert len(provider.requests) == 1


async def readers(running: RunningProxy) -> int:
    return sum([await clients(running, each) for each in running.process.exchanges.ids()])


async def test_what_nobody_asked_for_or_nobody_knows_is_as_it_came(
    parts: Parts, tmp_path: Path
) -> None:
    async def script(_: Received) -> AsyncIterator[bytes]:
        yield packed("gzip" if len(provider.requests) == 1 else "secret-sauce", PACKED)

    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
    ):
        first = await send(running, message("first"), f"{tmp_path} 1", "identity")
        assert first[:2] == (PACKED, "gzip")
        for _ in range(2):
            got = await send(running, message("second"), f"{tmp_path} 2", "identity")
            assert got[:2] == (PACKED, "secret-sauce")
    assert len(provider.requests) == 2
