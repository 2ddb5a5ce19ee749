"""`GET /v1/requests/{id}/stream`: an answer from where its reader stopped."""

import asyncio
import gzip
from pathlib import Path

import httpx

from harness.simulator import Simulator
from palimpsest.dialects.anthropic.sse import SseParser
from tests.support.canned_provider import Canned, always, answer, held
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    ended,
    events_of,
    message,
    short_stream,
)

PIECES = short_stream()
STREAM = message(stream=True)
Numbered = list[tuple[int, str, bytes]]


async def read(running: RunningProxy, request_id: str, after: int | None = None) -> bytes:
    headers = {"authorization": f"Bearer {running.token}"}
    if after is not None:
        headers["last-event-id"] = str(after)
    async with httpx.AsyncClient(base_url=running.url, timeout=30) as client:
        got = await client.get(f"/v1/requests/{request_id}/stream", headers=headers)
    assert got.status_code == 200, got.text
    assert got.headers["content-type"].startswith("text/event-stream")
    return got.content


def numbered(stream: bytes) -> Numbered:
    """Id, name and data of each event."""
    found: Numbered = []
    for block in stream.decode().split("\n\n"):
        if block.startswith("id: "):
            number, name, data = block.split("\n")
            found.append((int(number[4:]), name[7:], data[6:].encode()))
    return found


def expected(stream: bytes) -> Numbered:
    events = SseParser().feed(stream)
    return [(n, event.name.decode(), event.data) for n, event in enumerate(events, 1)]


async def test_every_split_of_a_recorded_answer_gives_the_whole(
    running: RunningProxy, upstream: Simulator
) -> None:
    async with client_of(running) as client:
        got = await client.post("/v1/messages", content=STREAM)
    whole = expected(got.content)
    assert whole[-1][1] == "message_stop"
    for after in range(len(whole) + 1):
        rest = numbered(await read(running, got.headers[ID], after))
        assert whole[:after] + rest == whole
    assert numbered(await read(running, got.headers[ID])) == whole
    assert len(upstream.log.messages) == 1


async def test_every_split_of_a_live_answer_gives_the_whole(parts: Parts, tmp_path: Path) -> None:
    """Readers that come in mid-stream get what there was and what comes."""
    more = asyncio.Event()
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        await anext(got.aiter_raw())
        whole = expected(b"".join(PIECES))
        splits = range(len(whole) + 1)
        readers = [asyncio.create_task(read(running, got.headers[ID], n)) for n in splits]
        more.set()
        for after, rest in zip(splits, await asyncio.gather(*readers), strict=True):
            assert whole[:after] + numbered(rest) == whole
    assert len(provider.requests) == 1


async def test_a_broken_answer_does_not_end_cleanly(parts: Parts, tmp_path: Path) -> None:
    """Neither live nor afterwards."""
    broken = asyncio.Event()
    async with (
        Canned.serve(held(*PIECES[:3], broken)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        chunks = got.aiter_raw()
        await anext(chunks)
        live = asyncio.create_task(read(running, got.headers[ID]))
        broken.set()
        _ = [chunk async for chunk in chunks]
        assert (await ended(running, got.headers[ID]))["outcome"] == "broken"
        for stream in (await live, await read(running, got.headers[ID])):
            assert numbered(stream) == expected(b"".join(PIECES[:3]))
            [(name, data)] = events_of(stream.split(b"\n\n")[-2] + b"\n\n")
            assert (name, data["error"]["type"]) == ("error", "api_error")


async def test_a_compressed_answer_is_read_in_plain(parts: Parts, tmp_path: Path) -> None:
    coded = b"content-encoding: gzip\r\n"
    async with (
        Canned.serve(held(gzip.compress(b"".join(short_stream())), extra=coded)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        assert numbered(await read(running, got.headers[ID], 1)) == expected(got.content)[1:]


async def test_a_refusal_is_an_error_event(running: RunningProxy) -> None:
    async with client_of(running) as client:
        got = await client.post("/v1/messages", content=message(model="claude-none", stream=True))
    assert events_of(await read(running, got.headers[ID])) == [("error", got.json())]


async def test_of_a_huge_refusal_the_beginning_is_told(parts: Parts, tmp_path: Path) -> None:
    """What a small compressed answer becomes is read piece by piece, up to a limit."""
    packed = gzip.compress(b"no " * 10_000_000)
    refusal = answer(packed, ("content-encoding", "gzip"), status="400 Bad Request")
    async with (
        Canned.serve(always(refusal)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=STREAM)
        await ended(running, got.headers[ID])
        told = await read(running, got.headers[ID])
    assert told.startswith(b"event: error\ndata: no no ")
    assert len(told) < 1_000_000


async def test_what_cannot_be_read(running: RunningProxy) -> None:
    async with client_of(running) as client:
        got = await client.post("/v1/messages", content=message())
        await ended(running, got.headers[ID])
        path = f"/v1/requests/{got.headers[ID]}/stream"
        signed = {**HEADERS, "authorization": f"Bearer {running.token}"}
        assert (await client.get(path)).status_code == 403
        assert (await client.get(path, headers=signed)).status_code == 400
        wrong = {**signed, "last-event-id": "x"}
        assert (await client.get(path, headers=wrong)).status_code == 400
        none = await client.get("/v1/requests/req_none/stream", headers=signed)
        assert none.status_code == 404
