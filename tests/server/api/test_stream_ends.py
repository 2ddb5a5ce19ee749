"""A stream ends when it says so: nobody waits for its transport, or minds what becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.simulator.events import event
from tests.support.canned_provider import HEAD, Canned, Received, held
from tests.support.encoders import encode_pieces
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import ID, client_of, ended, message, short_stream

STREAM = message(stream=True)
PIECES = short_stream()
ERROR = event("error", error={"type": "api_error", "message": "it went wrong"})


@pytest.mark.parametrize(
    ("pieces", "outcome"),
    [
        (PIECES, "answered"),
        ([*PIECES[:3], ERROR], "broken"),
        ([ERROR], "upstream_error"),
        ([piece.replace(b"\n", b"\r\n") for piece in PIECES], "answered"),
    ],
    ids=["whole", "error", "error at once", "CRLF"],
)
async def test_a_body_left_open_is_not_waited_for(
    parts: Parts, tmp_path: Path, pieces: list[bytes], outcome: str
) -> None:
    async with (
        Canned.serve(held(*pieces, asyncio.Event())) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        state = await ended(running, got.headers[ID])
        await provider.hung_up.wait()
    assert got.content == b"".join(pieces)
    assert state["outcome"] == outcome
    assert len(provider.requests) == 1


async def test_an_encoded_body_left_open_is_not_waited_for(parts: Parts, tmp_path: Path) -> None:
    pieces = encode_pieces("gzip", PIECES)
    script = held(*pieces, asyncio.Event(), extra=b"content-encoding: gzip\r\n")
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
    assert got.content == b"".join(PIECES)


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "at once"])
async def test_a_break_after_the_end_is_none(parts: Parts, tmp_path: Path, apart: bool) -> None:
    async def script(_: Received) -> AsyncIterator[bytes]:
        whole = b"".join(PIECES)
        yield HEAD + b"content-length: 99999\r\n\r\n" + (b"" if apart else whole)
        for piece in PIECES if apart else ():
            yield piece

    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        state = await ended(running, got.headers[ID])
    assert got.content.endswith(PIECES[-1])
    assert state["outcome"] == "answered"
