"""A stream that passes unmanaged ends where it says so, as every other does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from harness.simulator.events import event
from tests.support.canned_provider import Canned, Script, always, answer, held
from tests.support.encoders import ENCODERS, encode_pieces
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import ID, client_of, events_of, message, short_stream
from tests.support.tcp_relay import Relay

PIECES = short_stream()
ERROR = event("error", error={"type": "overloaded_error", "message": "it went wrong"})


@asynccontextmanager
async def passed(
    parts: Parts, tmp_path: Path, script: Script, *, stream: bool = True
) -> AsyncGenerator[tuple[httpx.Response, Canned]]:
    """The answer to a first turn while the engine is away."""
    async with Canned.serve(script) as provider, Relay.to(parts.temporal_address) as relay:
        behind = Parts(relay.address, parts.database_url)
        settings = {"on_outage": "pass", "engine_timeout": 0.5}
        async with (
            running_proxy(behind, tmp_path, provider.url, **settings) as running,
            client_of(running) as client,
        ):
            relay.cut()
            content = message(str(tmp_path), stream=stream)
            got = await client.post("/v1/messages", content=content)
            assert got.headers["x-palimpsest-unmanaged"] == "engine"
            yield got, provider
            await relay.restore()


@pytest.mark.parametrize(
    "pieces",
    [PIECES, [*PIECES[:3], ERROR], [piece.replace(b"\n", b"\r\n") for piece in PIECES]],
    ids=["whole", "error", "CRLF"],
)
async def test_a_body_left_open_is_not_waited_for(
    parts: Parts, tmp_path: Path, pieces: list[bytes]
) -> None:
    script = held(*pieces, asyncio.Event())
    async with passed(parts, tmp_path, script) as (got, provider):
        assert got.content == b"".join(pieces)
        await provider.hung_up.wait()
    assert dict(provider.requests[0].headers)[b"accept-encoding"] == b"identity"


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_an_encoded_body_left_open_is_decoded(
    parts: Parts, tmp_path: Path, encoding: str
) -> None:
    coded = encode_pieces(encoding, PIECES)
    script = held(*coded, asyncio.Event(), extra=b"content-encoding: %b\r\n" % encoding.encode())
    async with passed(parts, tmp_path, script) as (got, _):
        assert got.content == b"".join(PIECES)
        assert "content-encoding" not in got.headers


async def test_a_break_is_told_after_whole_events(parts: Parts, tmp_path: Path) -> None:
    script = held(*PIECES[:4], PIECES[4][:20], extra=b"content-length: 99999\r\n")
    async with passed(parts, tmp_path, script) as (got, _):
        whole = b"".join(PIECES[:4])
        assert got.content.startswith(whole)
        [told] = events_of(got.content.removeprefix(whole))
        assert told[0] == "error"
        assert told[1]["request_id"] == got.headers[ID]


@pytest.mark.parametrize("stream", [True, False])
async def test_what_is_no_stream_is_as_it_came(parts: Parts, tmp_path: Path, stream: bool) -> None:
    kinds = (("content-type", "application/json"), ("content-encoding", "gzip"))
    body = ENCODERS["gzip"](b"{}")
    script = always(answer(body, *kinds))
    async with passed(parts, tmp_path, script, stream=stream) as (got, _):
        assert (got.content, got.headers["content-length"]) == (b"{}", str(len(body)))
