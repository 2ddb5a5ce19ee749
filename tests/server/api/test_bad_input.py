"""What cannot be served gets a clear error in the API's shape, and costs nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from harness.simulator import Simulator
from palimpsest.exchanges.registry import read_body
from tests.support.canned_provider import Canned, always, answer
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    MODEL,
    client_of,
    ended,
    is_error,
    message,
)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not valid JSON"),
        (b"hello", "not valid JSON"),
        (b'{"model":', "not valid JSON"),
        (b'{"model":"\xff"}', "not valid JSON"),
        (b"[" * 100_000, "valid dictionary"),
        (b'{"a":' * 100_000, "not valid JSON"),
        (b"[]", "valid dictionary"),
        (b'"text"', "valid dictionary"),
        (b"null", "valid dictionary"),
        (b"{}", "model"),
        (b'{"model":"m"}', "messages"),
        (b'{"model":"m","messages":null}', "messages"),
        (b'{"model":"m","messages":[]}', "messages"),
        (b'{"model":"m","messages":["hi"]}', "messages.0"),
        (b'{"model":7,"messages":[{"role":"user","content":"a"}]}', "model"),
        (b'{"model":"\\ud800","messages":[{"role":"user","content":"a"}]}', "no low surrogate"),
    ],
)
async def test_no_messages_request(
    client: httpx.AsyncClient, upstream: Simulator, body: bytes, says: str
) -> None:
    got = await client.post("/v1/messages", content=body)
    assert got.status_code == 400
    assert is_error(got.content, "invalid_request_error")
    assert says in got.json()["error"]["message"]
    assert ID in got.headers
    assert not len(upstream.log)


@pytest.mark.parametrize(
    "model",
    ["claude-none", "", "m" * 3_000_000, "modèle-" * 60, "a\x00b", "a\nb"],
    ids=["unknown", "empty", "long", "unicode", "nul", "line"],
)
async def test_an_unknown_model_is_the_providers_to_refuse(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator, model: str
) -> None:
    got = await client.post("/v1/messages", content=message(model=model))
    [call] = upstream.log.messages
    assert got.status_code == call.status
    assert call.status in (400, 404)
    assert got.content == bytes(call.answer)
    state = await ended(running, got.headers[ID])
    assert (state["outcome"], state["status"]) == ("upstream_error", call.status)


async def test_odd_content_is_the_providers_to_judge(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    """NUL and numbers beyond every type reach it, and come back from capture."""
    body = (
        b'{"model":"%b","max_tokens":1e999,"x":"\\u0000","messages":'
        b'[{"role":"user","content":"\\u0000 \\ud83d\\ude00"}]}' % MODEL.encode()
    )
    got = await client.post("/v1/messages", content=body)
    [call] = upstream.log.messages
    assert call.body == body
    assert got.content == bytes(call.answer)
    await ended(running, got.headers[ID])
    assert await read_body(running.process.stores.requests, got.headers[ID]) == body


@pytest.mark.parametrize("text", ["end\\u0000turn", "end\\ud800turn"])
async def test_an_odd_answer_is_recorded_too(parts: Parts, tmp_path: Path, text: str) -> None:
    body = b'{"type":"message","stop_reason":"%b","usage":{"input_tokens":3}}' % text.encode()
    headers = (("content-type", "application/json"), ("x-odd", "\xe9\x80"))
    async with (
        Canned.serve(always(answer(body, *headers))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=message())
        assert got.content == body
        assert (await ended(running, got.headers[ID]))["outcome"] == "answered"


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
@pytest.mark.parametrize("declared", [True, False])
async def test_an_oversized_body_is_413(
    parts: Parts, upstream: Simulator, tmp_path: Path, path: str, declared: bool
) -> None:
    body = message("x" * 40_000)

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    async with (
        running_proxy(parts, tmp_path, upstream.url, max_body_bytes=32_768) as running,
        client_of(running) as client,
    ):
        got = await client.post(path, content=body if declared else chunks())
        assert got.status_code == 413
        assert is_error(got.content, "request_too_large")
        assert (await client.post("/v1/messages", content=message())).status_code == 200
    assert len(upstream.log) == 1


async def test_a_body_of_32_mb_passes(parts: Parts, tmp_path: Path) -> None:
    frame = message("")
    body = frame.replace(b'""', b'"' + b"x" * (32 * 1024 * 1024 - len(frame)) + b'"')
    assert len(body) == 32 * 1024 * 1024
    headers = ("content-type", "application/json")
    async with (
        Canned.serve(always(answer(b'{"type":"message"}', headers))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=body)
        over = await client.post("/v1/messages", content=body + b" ")
    assert got.status_code == 200
    assert provider.requests[0].body == body
    assert over.status_code == 413


async def test_a_compressed_body_is_refused(client: httpx.AsyncClient, upstream: Simulator) -> None:
    got = await client.post("/v1/messages", content=b"..", headers={"content-encoding": "gzip"})
    assert got.status_code == 400
    assert is_error(got.content, "invalid_request_error")
    same = await client.post(
        "/v1/messages", content=message(), headers={"content-encoding": "identity"}
    )
    assert same.status_code == 200
    assert len(upstream.log) == 1


async def test_an_unreachable_provider_is_502(parts: Parts, tmp_path: Path) -> None:
    async with Canned.serve(always(b"")) as provider:
        nobody = provider.url.replace("http://", "http://user:hunter2@")
    async with (
        running_proxy(parts, tmp_path, nobody, retry_attempts=2) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=message(stream=True))
        state = await ended(running, got.headers[ID])
    assert got.status_code == 502
    assert is_error(got.content, "api_error")
    assert (state["outcome"], state["status"]) == ("failed", None)
    assert len(state["attempts"]) == 2
    assert "hunter2" not in got.text + msgspec.json.encode(state).decode()


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:8080", ""]
)
async def test_a_rebound_host_is_403(
    client: httpx.AsyncClient, upstream: Simulator, host: str
) -> None:
    for path in ("/v1/messages", "/v1/models", "/healthz", "/v1/requests/x"):
        got = await client.post(path, content=message(), headers={"host": host})
        assert got.status_code == 403
        assert is_error(got.content, "permission_error")
    assert not len(upstream.log)


@pytest.mark.parametrize(
    "host", ["localhost:1234", "127.0.0.1", "[::1]:80", "LOCALHOST", "proxy.lan"]
)
async def test_our_own_names_are_served(parts: Parts, tmp_path: Path, host: str) -> None:
    async with (
        running_proxy(parts, tmp_path, "http://127.0.0.1:9", allowed_hosts="a.b, Proxy.lan") as up,
        client_of(up) as client,
    ):
        assert (await client.get("/healthz", headers={"host": host})).status_code == 200
