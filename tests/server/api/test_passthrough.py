"""What is not `POST /v1/messages` goes to the provider and back, without a workflow."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from harness.simulator import Fault, Simulator
from tests.support.canned_provider import Canned, always
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    is_error,
)

COUNTED = b'{"model":"claude-sonnet-4-6","messages":[{"role":"user","content":"count me"}]}'


async def workflows(parts: Parts, running: RunningProxy) -> int:
    """How many workflows this proxy ever started."""
    engine = await Client.connect(parts.temporal_address)
    queue = running.process.settings.task_queue
    return (await engine.count_workflows(f"TaskQueue = '{queue}'")).count


async def test_count_tokens_and_models_are_no_workflows(
    parts: Parts, running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    counted = await client.post("/v1/messages/count_tokens?beta=true", content=COUNTED)
    models = await client.get("/v1/models?limit=1000")
    assert counted.json()["input_tokens"] > 0
    assert models.json()["data"]
    for got, call in zip((counted, models), upstream.log, strict=True):
        assert got.content == bytes(call.answer)
        assert got.headers["request-id"] == call.request_id
        assert got.headers[ID].startswith("req_")
    assert [call.path for call in upstream.log] == [
        "/v1/messages/count_tokens?beta=true",
        "/v1/models?limit=1000",
    ]
    assert await workflows(parts, running) == 0
    metrics = (await client.get("/metrics")).text
    for why in ("count", "path"):
        assert f'palimpsest_requests_unmanaged_total{{why="{why}"}} 1.0' in metrics


async def test_head_of_the_root_is_ours(client: httpx.AsyncClient, upstream: Simulator) -> None:
    got = await client.head("/")
    assert got.status_code == 200
    assert ID in got.headers
    assert not len(upstream.log)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("HEAD", "/api/hello", None),
        ("GET", "/v1/messages", None),
        ("DELETE", "/v1/files/file_1", None),
        ("PUT", "/v1/thing", b"\x00\xff raw"),
        ("PATCH", "/v1/stats", b"{}"),
        ("OPTIONS", "/v1/messages", None),
        ("POST", "/healthz", b"not json"),
        ("POST", "/v1/messages/", b"[]"),
        ("POST", "/v1/complete", b""),
        ("PROPFIND", "/dav", b"<x/>"),
    ],
)
async def test_any_method_and_path_passes(
    parts: Parts, tmp_path: Path, method: str, path: str, body: bytes | None
) -> None:
    provided = b"HTTP/1.1 418 Odd\r\nx-theirs: 1\r\ncontent-length: 4\r\n\r\n"
    async with (
        Canned.serve(always(provided + (b"" if method == "HEAD" else b"pot\n"))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.request(method, path, content=body)
    assert got.status_code == 418
    assert got.headers["x-theirs"] == "1"
    assert got.headers["content-length"] == "4"
    assert got.content == (b"" if method == "HEAD" else b"pot\n")
    assert ID in got.headers
    [received] = provider.requests
    assert (received.method, received.target) == (method.encode(), path.encode())
    assert received.body == (body or b"")
    names = [name.lower() for name, _ in received.headers]
    assert names.count(b"content-length") == (body is not None)


async def test_a_chunked_body_passes(client: httpx.AsyncClient, upstream: Simulator) -> None:
    whole = COUNTED

    async def chunks() -> AsyncIterator[bytes]:
        yield whole[:10]
        yield whole[10:]

    got = await client.post("/v1/messages/count_tokens", content=chunks())
    assert got.status_code == 200
    assert upstream.log[0].body == whole


@pytest.mark.parametrize("status", [204, 304, 401, 429, 500, 529])
async def test_errors_pass_verbatim_and_once(
    client: httpx.AsyncClient, upstream: Simulator, status: int
) -> None:
    path, body = "/v1/models", None if status in (204, 304) else '{"odd": 1}'
    upstream.faults.push(
        Fault("status", status=status, body=body or "", retry_after=3, path=path, method="GET")
    )
    got = await client.get(path)
    assert got.status_code == status
    assert got.text == (body or "")
    assert got.headers["retry-after"] == "3"
    assert len(upstream.log) == 1


async def test_a_cut_answer_does_not_end_as_if_whole(parts: Parts, tmp_path: Path) -> None:
    cut = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    async with (
        Canned.serve(always(cut)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/v1/files/1/content")


async def test_unreachable_is_502_in_the_apis_shape(parts: Parts, tmp_path: Path) -> None:
    async with Canned.serve(always(b"")) as provider:
        nobody = provider.url
    async with running_proxy(parts, tmp_path, nobody) as running, client_of(running) as client:
        got = await client.get("/v1/models")
    assert got.status_code == 502
    assert is_error(got.content, "api_error")
    assert ID in got.headers


async def test_ids_are_on_errors_of_our_own(running: RunningProxy) -> None:
    async with client_of(running) as client:
        answers = [
            await client.get("/v1/requests/req_none"),
            await client.get("/v1/requests/req_none/request"),
            await client.get("/v1/stats?hours=many"),
            await client.get("/healthz", headers={"host": "evil.example"}),
            await client.post("/v1/messages", content=b"{"),
        ]
    assert [got.status_code for got in answers] == [404, 403, 400, 403, 400]
    kinds = ("not_found", "permission", "invalid_request", "permission", "invalid_request")
    for got, kind in zip(answers, kinds, strict=True):
        assert is_error(got.content, f"{kind}_error")
        assert got.json()["request_id"] == got.headers[ID]
    assert HEADERS["x-api-key"] not in "".join(got.text for got in answers)
