"""Bytes arrive as they come; what goes wrong is seen as far as it must be."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.streaming import PING
from harness.simulator import Fault, Pace, Simulator
from tests.support.canned_provider import Canned, Received, held
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    client_of,
    ended,
    events_of,
    is_error,
    message,
    short_stream,
)

STREAM = message(stream=True)
PIECES = short_stream()


async def test_the_first_event_arrives_while_the_provider_holds_the_rest(
    parts: Parts, tmp_path: Path
) -> None:
    more = asyncio.Event()
    script = held(*PIECES[:3], more, *PIECES[3:])
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        assert got.status_code == 200
        assert got.headers["x-theirs"] == "1"
        chunks = got.aiter_raw()
        seen = b""
        while len(seen) < len(b"".join(PIECES[:3])):
            seen += await anext(chunks)
        assert seen == b"".join(PIECES[:3])
        assert not more.is_set()
        more.set()
        seen += b"".join([chunk async for chunk in chunks])
    assert seen == b"".join(PIECES)


async def test_the_end_waits_for_the_commit(parts: Parts, tmp_path: Path) -> None:
    """`message_stop` is on its way only when the end is on record."""
    async with (
        Canned.serve(held(*PIECES)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        seen = b""
        async for chunk in got.aiter_raw():
            seen += chunk
            if seen.endswith(PIECES[-1]):
                row = await running.process.stores.requests.read_request(got.headers[ID])
                assert row.outcome == "answered"
    assert seen == b"".join(PIECES)


async def test_pings_while_silent(parts: Parts, tmp_path: Path) -> None:
    more = asyncio.Event()
    half = len(PIECES[3]) // 2
    script = held(*PIECES[:3], PIECES[3][:half], more, PIECES[3][half:], *PIECES[4:])
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url, ping_after=0.05) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        seen = b""
        async for chunk in got.aiter_raw():
            seen += chunk
            if seen.count(PING) == 2:
                more.set()
    assert seen.count(PING) >= 2
    assert seen.replace(PING, b"") == b"".join(PIECES)
    events_of(seen)


async def test_a_late_answer_follows_pings(parts: Parts, tmp_path: Path) -> None:
    more = asyncio.Event()
    async with (
        Canned.serve(held(more, *PIECES)) as provider,
        running_proxy(parts, tmp_path, provider.url, commit_after=0.1, ping_after=0.05) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        assert got.status_code == 200
        assert got.headers["content-type"].startswith("text/event-stream")
        seen = b""
        async for chunk in got.aiter_raw():
            seen += chunk
            if seen.count(PING) == 2:
                more.set()
    assert seen.startswith(PING * 2)
    assert seen.replace(PING, b"") == b"".join(PIECES)


async def test_a_late_encoded_answer_is_decoded_in_whole_events(
    parts: Parts, tmp_path: Path
) -> None:
    plain = b"".join(PIECES)
    middle = len(b"".join(PIECES[:2])) + 20
    more, rest = asyncio.Event(), asyncio.Event()
    deflate = zlib.compressobj(wbits=31)
    first = deflate.compress(plain[:middle]) + deflate.flush(zlib.Z_SYNC_FLUSH)
    last = deflate.compress(plain[middle:]) + deflate.flush()
    coded = b"content-encoding: gzip\r\n"
    async with (
        Canned.serve(held(more, first, rest, last, extra=coded)) as provider,
        running_proxy(parts, tmp_path, provider.url, commit_after=0.1, ping_after=0.05) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        assert "content-encoding" not in got.headers
        seen = b""
        async for chunk in got.aiter_raw():
            seen += chunk
            if not more.is_set():
                more.set()
            elif seen.count(PING) >= 4:
                rest.set()
    events_of(seen)
    assert seen.replace(PING, b"") == plain


LATE = {"commit_after": 0.05, "ping_after": 0.05, "retry_attempts": 1}


@pytest.mark.parametrize("gzipped", [False, True])
async def test_a_late_refusal_is_an_error_event(
    parts: Parts, upstream: Simulator, tmp_path: Path, gzipped: bool
) -> None:
    upstream.app.pace = Pace(before_first_byte=0.3)
    if gzipped:
        upstream.faults.push(Fault("gzip"))
    body = message(model="claude-none", stream=True)
    async with (
        running_proxy(parts, tmp_path, upstream.url, **LATE) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=body)
        state = await ended(running, got.headers[ID])
    assert got.status_code == 200
    *pings, last = events_of(got.content)
    assert {name for name, _ in pings} == {"ping"}
    assert last == ("error", httpx.Response(404, content=bytes(upstream.log[0].answer)).json())
    assert (state["outcome"], state["status"]) == ("upstream_error", 404)


async def test_late_and_unreachable_is_an_error_event(parts: Parts, tmp_path: Path) -> None:
    more = asyncio.Event()

    async def nothing(_: Received) -> AsyncIterator[bytes]:
        await more.wait()
        yield b""

    async with (
        Canned.serve(nothing) as provider,
        running_proxy(parts, tmp_path, provider.url, **LATE) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        seen = b""
        async for chunk in got.aiter_raw():
            seen += chunk
            more.set()
    *_, (name, data) = events_of(seen)
    assert name == "error"
    assert data["error"]["type"] == "api_error"
    assert data["request_id"] == got.headers[ID]


@pytest.mark.parametrize("mid", [False, True])
@pytest.mark.parametrize("kind", ["cut", "reset"])
async def test_cut_after_content_ends_in_an_error_event(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator, kind: str, mid: bool
) -> None:
    upstream.faults.push(Fault(kind, after=1, first_content=True, mid=mid))  # pyright: ignore[reportArgumentType]
    upstream.pace.between_events = 0.01
    got = await client.post("/v1/messages", content=STREAM)
    names = [name for name, _ in events_of(got.content)]
    assert names[-2:] == ["content_block_delta", "error"]
    assert "message_stop" not in names
    assert len(upstream.log.messages) == 1
    state = await ended(running, got.headers[ID])
    assert state["outcome"] == "broken"
    assert state["attempts"][0]["outcome"] == "broken"
    assert state["bytes"]["response"] > 0


@pytest.mark.parametrize(
    "fault",
    [
        Fault("reset"),
        Fault("cut"),
        Fault("cut", after=0),
        Fault("cut", after=1, mid=True),
        Fault("error_event", after=0),
        Fault("error_event", after=1),
        Fault("status", status=500),
        Fault("status", status=529),
        Fault("status", status=408),
    ],
    ids=lambda fault: f"{fault.name} {fault.after}",
)
async def test_a_failure_before_content_is_tried_again_unseen(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator, fault: Fault
) -> None:
    upstream.faults.push(fault)
    got = await client.post("/v1/messages", content=STREAM)
    first, second = upstream.log.messages
    assert got.status_code == 200
    assert got.content == bytes(second.answer)
    assert first.body == second.body == STREAM
    assert got.headers["request-id"] == second.request_id
    state = await ended(running, got.headers[ID])
    assert state["outcome"] == "answered"
    one, two = state["attempts"]
    assert one["outcome"] != "answered"
    assert one["reason"]
    assert two["outcome"] == "answered"


async def test_overload_after_content_is_passed_on_and_recorded(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("error_event", after=1, first_content=True))
    got = await client.post("/v1/messages", content=STREAM)
    [call] = upstream.log.messages
    assert got.content == bytes(call.answer)
    assert events_of(got.content)[-1][0] == "error"
    state = await ended(running, got.headers[ID])
    assert state["outcome"] == "broken"
    assert "overloaded_error" in state["reason"]


async def test_another_error_before_content_is_passed_on(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("error_event", after=1, error="invalid_request_error"))
    got = await client.post("/v1/messages", content=STREAM)
    [call] = upstream.log.messages
    assert got.content == bytes(call.answer)
    assert (await ended(running, got.headers[ID]))["outcome"] == "upstream_error"


async def test_a_stall_in_mid_answer_ends_in_an_error_event(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.faults.push(Fault("stall", after=1, first_content=True, seconds=60))
    async with (
        running_proxy(parts, tmp_path, upstream.url, idle_timeout=0.3) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        state = await ended(running, got.headers[ID])
    name, data = events_of(got.content)[-1]
    assert (name, data["error"]["type"]) == ("error", "timeout_error")
    assert state["outcome"] == "broken"
    await upstream.log.until(lambda log: log.open == 0)
    assert upstream.log[0].ended == "client_gone"


async def test_a_stall_before_content_is_tried_again(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.faults.push(Fault("stall", seconds=60), Fault("stall", after=1, seconds=60))
    limits = {"first_byte_timeout": 0.3, "idle_timeout": 0.3}
    async with (
        running_proxy(parts, tmp_path, upstream.url, **limits) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
    assert got.content == bytes(upstream.log[2].answer)


async def test_silence_for_ever_is_504(parts: Parts, upstream: Simulator, tmp_path: Path) -> None:
    upstream.faults.push(Fault("stall", seconds=60, times=2))
    limits = {"first_byte_timeout": 0.2, "retry_attempts": 2}
    async with (
        running_proxy(parts, tmp_path, upstream.url, **limits) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        state = await ended(running, got.headers[ID])
    assert got.status_code == 504
    assert is_error(got.content, "timeout_error")
    assert (state["outcome"], len(state["attempts"])) == ("failed", 2)


@pytest.mark.parametrize("kind", ["cut_body", "wrong_length"])
async def test_a_cut_body_is_tried_again_then_502(
    parts: Parts, upstream: Simulator, tmp_path: Path, kind: str
) -> None:
    upstream.faults.push(Fault(kind, times=3))  # pyright: ignore[reportArgumentType]
    async with (
        running_proxy(parts, tmp_path, upstream.url, retry_attempts=2) as running,
        client_of(running) as client,
    ):
        refused = await client.post("/v1/messages", content=message())
        assert refused.status_code == 502
        assert is_error(refused.content, "api_error")
        assert len(upstream.log) == 2
        got = await client.post("/v1/messages", content=message())
        assert got.status_code == 200
        assert got.content == bytes(upstream.log[3].answer)


async def test_a_large_cut_body_is_a_cut_connection(parts: Parts, tmp_path: Path) -> None:
    """Part of it is with the client already: only the connection can say so."""

    async def large(_: Received) -> AsyncIterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n"
        for piece in [b" " * 65536] * 40:
            yield piece

    async with (
        Canned.serve(large) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/messages", content=message())
    assert len(provider.requests) == 1


async def test_429_is_tried_again_when_the_provider_says(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("status", status=429, retry_after=1))
    got = await client.post("/v1/messages", content=message())
    first, second = upstream.log.messages
    assert got.status_code == 200
    assert first.ended_at
    assert second.at - first.ended_at >= 1


async def test_429_is_verbatim_after_the_limit(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.faults.push(Fault("status", status=429, retry_after=0, times=3))
    async with (
        running_proxy(parts, tmp_path, upstream.url, retry_attempts=3) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        state = await ended(running, got.headers[ID])
    last = upstream.log.messages[-1]
    assert len(upstream.log.messages) == 3
    assert (got.status_code, got.content) == (429, bytes(last.answer))
    assert got.headers["retry-after"] == "0"
    assert got.headers["request-id"] == last.request_id
    assert state["outcome"] == "upstream_error"
    assert [attempt["status"] for attempt in state["attempts"]] == [429] * 3


async def test_a_wait_beyond_the_total_ends_the_trying(
    client: httpx.AsyncClient, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("status", status=429, retry_after=3600))
    got = await client.post("/v1/messages", content=STREAM)
    assert got.status_code == 429
    assert got.headers["retry-after"] == "3600"
    assert len(upstream.log.messages) == 1
