"""A stream keeps its promises whether the provider encodes it or not."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.streaming import PING
from harness.simulator import Simulator
from tests.support.canned_provider import Canned, Received, always, answer, held
from tests.support.encoders import ENCODERS, encode_pieces
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import ID, client_of, ended, events_of, message, short_stream

STREAM = message(stream=True)
PIECES = short_stream()
CODED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: %b\r\n\r\n"


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_retried_before_content_then_events_pings_and_an_error_at_the_break(
    parts: Parts, tmp_path: Path, encoding: str
) -> None:
    more = asyncio.Event()
    coded = list(encode_pieces(encoding, PIECES))
    head = CODED % encoding.encode()

    async def script(_: Received) -> AsyncIterator[bytes]:
        yield head + coded[0]
        if len(provider.requests) == 1:
            return
        for piece in coded[1:3]:
            yield piece
        await more.wait()
        yield coded[3]

    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url, ping_after=0.05) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        assert "content-encoding" not in got.headers
        seen = b""
        async for chunk in got.aiter_raw():
            seen += chunk
            if seen.count(PING) >= 2:
                more.set()
        state = await ended(running, got.headers[ID])
    *_, last = events_of(seen)
    assert seen.replace(PING, b"").startswith(b"".join(PIECES[:4]))
    assert last[0] == "error"
    outcomes = [attempt["outcome"] for attempt in state["attempts"]]
    assert outcomes == ["upstream_error", "broken"]


@pytest.mark.parametrize(
    "packed", [b"this is no gzip at all", gzip.compress(b"".join(PIECES))[:60]], ids=["none", "cut"]
)
async def test_what_cannot_be_decoded_is_tried_again(
    parts: Parts, tmp_path: Path, packed: bytes
) -> None:
    async def script(_: Received) -> AsyncIterator[bytes]:
        yield CODED % b"gzip"
        yield packed if len(provider.requests) == 1 else gzip.compress(b"".join(PIECES))

    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
    assert got.content == b"".join(PIECES)
    assert len(provider.requests) == 2


async def test_an_encoding_that_nobody_knows_passes_as_it_came(
    parts: Parts, tmp_path: Path
) -> None:
    kinds = (("content-type", "text/event-stream"), ("content-encoding", "secret-sauce"))
    async with (
        Canned.serve(always(answer(b"whatever", *kinds))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
    assert (got.content, got.headers["content-encoding"]) == (b"whatever", "secret-sauce")


async def test_streams_are_asked_for_as_they_are_and_nothing_else_is(
    client: httpx.AsyncClient, upstream: Simulator
) -> None:
    accepts = {"accept-encoding": "gzip, br"}
    streamed = await client.post("/v1/messages", content=STREAM, headers=accepts)
    await client.post("/v1/messages", content=message(), headers=accepts)
    assert [call.header("accept-encoding") for call in upstream.log.messages] == [
        "identity",
        "gzip, br",
    ]
    assert streamed.content == bytes(upstream.log.messages[0].answer)


async def test_a_bomb_in_a_stream_breaks_the_stream_alone(parts: Parts, tmp_path: Path) -> None:
    """300 KB that would be 300 MB: the client is told, and others are served meanwhile."""
    bomb = gzip.compress(b"".join(PIECES[:3]) + b": \n\n" * (75 * 1024 * 1024), compresslevel=1)
    script = held(bomb, extra=b"content-encoding: gzip\r\n")
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        state = await ended(running, got.headers[ID])
    assert got.content.endswith(b"}\n\n")
    assert b"event: error" in got.content[-500:]
    assert state["outcome"] == "broken"
