"""A web page gets nothing from any route; a listed one gets what CORS needs."""

from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest

from harness.simulator import Simulator
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import HEADERS, client_of, is_error, message

LISTED = "https://app.example"
EVIL = {"origin": "https://evil.example"}
ROUTES = (
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("GET", "/v1/models"),
    ("HEAD", "/"),
    ("GET", "/anything?at=all"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/v1/stats"),
    ("GET", "/v1/requests/req_1"),
    ("GET", "/v1/requests/req_1/stream"),
    ("GET", "/v1/conversations/c"),
    ("DELETE", "/v1/memory?all=true"),
    ("OPTIONS", "/v1/messages"),
)


@pytest.fixture
async def running(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> AsyncGenerator[RunningProxy]:
    async with running_proxy(parts, tmp_path, upstream.url, allowed_origins=LISTED) as proxy:
        yield proxy


async def test_no_route_answers_a_page_of_another_site(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    named = [
        EVIL,
        {"origin": "null"},
        {"origin": "http://localhost:3000"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"connection": "upgrade", "upgrade": "websocket", **EVIL},
    ]
    token = {"authorization": f"Bearer {running.token}"}
    for method, path in ROUTES:
        for headers in named:
            answer = await client.request(method, path, headers=headers | token, content=message())
            assert answer.status_code == 403, (method, path, headers)
            assert method == "HEAD" or is_error(answer.content, "permission_error")
            assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert not len(upstream.log)


async def test_a_preflight_is_answered_here(client: httpx.AsyncClient, upstream: Simulator) -> None:
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "x-api-key,anthropic-version",
        "access-control-request-private-network": "true",
    }
    for path in ("/v1/messages", "/v1/models", "/metrics"):
        for refused in ({}, EVIL, {"origin": "null"}):
            assert (await client.options(path, headers=asks | refused)).status_code == 403
        allowed = await client.options(path, headers=asks | {"origin": LISTED})
        assert allowed.status_code == 204
        told = {name: allowed.headers[f"access-control-allow-{name}"] for name in ALLOWED}
        assert told == ALLOWED
    assert not len(upstream.log)


ALLOWED = {
    "origin": LISTED,
    "methods": "POST",
    "headers": "x-api-key,anthropic-version",
    "private-network": "true",
}


async def test_a_listed_page_can_read_answers_and_errors(running: RunningProxy) -> None:
    page = {"origin": LISTED, "sec-fetch-site": "cross-site"}
    async with client_of(running) as client:
        client.headers.update(page)
        for path, body in (("/v1/messages", message()), ("/v1/messages", b"{")):
            answer = await client.post(path, content=body)
            assert answer.headers.get_list("access-control-allow-origin") == [LISTED]
            assert answer.headers.get_list("access-control-expose-headers") == ["*"]
            assert "origin" in answer.headers["vary"]
    async with httpx.AsyncClient(base_url=running.url, headers=HEADERS) as program:
        answer = await program.post("/v1/messages", content=message())
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
