"""No input is a bug: whatever a client sends to any route, no 5xx of ours and no traceback."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from harness.simulator import Simulator
from palimpsest.runtime.log_lines import KnownErrors
from tests.support.canned_provider import Canned, always, answer
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import ID, client_of, ended, message

LEVEL = b'[{"type":"tool_result","tool_use_id":"t","content":'
VALUES = {
    "null": b"null",
    "number": b"7",
    "list": b"[1]",
    "object": b'{"a":[]}',
    "text": b'"x"',
    "nul": b'"\\u0000"',
    "5,000 digits": b"9" * 5000,
    "30 digits": b"9" * 30,
    "deep": LEVEL * 300 + b"1" + b"}]" * 300,
    "deeper": LEVEL * 480 + b"1" + b"}]" * 480,
}
FIELDS = {
    "role": b'{"role":%b,"content":"hi"}',
    "content": b'{"role":"user","content":%b}',
    "block": b'{"role":"user","content":[%b]}',
    "type": b'{"role":"user","content":[{"type":%b,"text":"a"}]}',
    "result": b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":%b}]}',
    "result id": b'{"role":"user","content":[{"type":"tool_result","tool_use_id":%b}]}',
    "source": b'{"role":"user","content":[{"type":"document","source":%b}]}',
}
TOP = ("system", "tools", "thinking", "max_tokens", "stream", "metadata", "output_config", "odd")
MODELS = ("😀" * 200, "m" + "-v1:1" * 50 + "!", "a\x00b", "\U0010ffff" * 3000)
HEADERS: tuple[dict[str, str | bytes], ...] = (
    {"x-palimpsest-context-cap": "9" * 5000},
    {"x-palimpsest-context-cap": b"\xb2"},
    {"x-palimpsest-context": b"\xff"},
    {"x-palimpsest-memory": "on"},
    {"x-stainless-retry-count": b"\xb2"},
    {"x-stainless-retry-count": "9" * 5000},
    {"x-palimpsest-request-id": b"req_\xff"},
    {"idempotency-key": b"\xff" * 3000},
    {"x-claude-code-session-id": b"\xb2\xff" * 2000},
    {"x-claude-code-agent-id": b"\xff"},
    {"x-odd": b"\xe9\x80\x01"},
    {"content-encoding": b"\xff"},
    {"content-type": b"\xff"},
)
IDS = ("%00", "%ff", "%F0%9F%98%80", "x" * 7000, "'", "%0a", "..", "%2e%2e", "%2F", "%25")
ROUTES = (
    "/v1/requests/{}",
    "/v1/requests/{}/request",
    "/v1/requests/{}/sent",
    "/v1/requests/{}/response",
    "/v1/requests/{}/stream",
    "/v1/conversations/{}",
    "/v1/conversations/{}/diff?turn={}",
    "/v1/conversations/{}/messages/0",
    "/v1/memory/{}",
    *(f"/v1/memory?{name}={{}}" for name in ("contains", "after", "limit", "before", "id", "kind")),
    "/v1/memory?project={}&conversation={}",
    "/v1/memory/export?project={}",
    "/v1/stats?hours={}",
)


def bodies() -> Iterator[bytes]:
    """Requests with every odd value in every place."""
    frame = b'{"model":"claude-sonnet-4-6","max_tokens":64,%b"messages":[%b]}'
    plain = b'{"role":"user","content":"hi"}'
    for value in VALUES.values():
        for field in FIELDS.values():
            yield frame % (b"", field % value)
        for name in TOP:
            yield frame % (b'"%b":%b,' % (name.encode(), value), plain)
    for model in MODELS:
        yield message(model=model)


@pytest.fixture
def bugs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails the test for every traceback in the log, libraries' too."""
    with capture_logs() as ours:
        yield
    assert not [line for line in ours if line["log_level"] in ("error", "critical")]
    assert not [line for line in ours if line.get("exc_info")]
    shown = [record for record in caplog.records if KnownErrors().filter(record)]
    assert not [record.getMessage() for record in shown if record.exc_info]


@pytest.fixture(scope="module")
async def odd(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A proxy before a provider that refuses everything in its own words."""
    said = b'{"type":"error","error":{"type":"invalid_request_error","message":"theirs"}}'
    directory = tmp_path_factory.mktemp("odd")
    refusal = answer(said, ("content-type", "application/json"), status="400 Bad Request")
    async with (
        Canned.serve(always(refusal)) as provider,
        running_proxy(parts, directory, provider.url, intelligence="on") as running,
        client_of(running) as client,
    ):
        yield running, client


@pytest.mark.usefixtures("bugs")
async def test_what_we_cannot_read_is_the_providers_to_refuse(
    odd: tuple[RunningProxy, httpx.AsyncClient],
) -> None:
    running, client = odd
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        for body in bodies():
            got = await client.post(path, content=body)
            assert got.status_code == 400
            assert "theirs" in got.text or "nested too deeply" in got.text, (path, body[:200])
    got = await client.post("/v1/messages", content=message(stream=True))
    assert (await ended(running, got.headers[ID]))["outcome"] == "upstream_error"
    assert len(running.process.exchanges) == 0


@pytest.mark.usefixtures("bugs")
async def test_no_header_is_a_bug(odd: tuple[RunningProxy, httpx.AsyncClient]) -> None:
    running, client = odd
    for headers in HEADERS:
        for path in ("/v1/messages", "/v1/messages/count_tokens", "/v1/models"):
            got = await client.post(path, content=message(str(headers)), headers=_raw(headers))
            assert got.status_code == 400, (path, headers)
    for value in (b"\xb2", b"9" * 5000, b"-1", b"\xff"):
        got = await client.get(
            "/v1/requests/x/stream",
            headers=[
                (b"last-event-id", value),
                *_raw({"authorization": f"Bearer {running.token}"}),
            ],
        )
        assert got.status_code in (400, 404)
    assert len(running.process.exchanges) == 0


@pytest.mark.usefixtures("bugs")
async def test_no_path_is_a_bug(odd: tuple[RunningProxy, httpx.AsyncClient]) -> None:
    running, client = odd
    headers = _raw({"authorization": f"Bearer {running.token}"})
    for route in ROUTES:
        for one in IDS:
            got = await client.get(
                httpx.URL(running.url + route.replace("{}", one)), headers=headers
            )
            assert got.status_code < 500, (route, one, got.text)
        got = await client.get(route.replace("{}", "x"), headers=_raw({"authorization": "\xff"}))
        assert got.status_code < 500
    for body in VALUES.values():
        for field in (b"text", b"detail", b"confidence", b"confirmed"):
            for method, path in (("PATCH", "/v1/memory/x"), ("POST", "/v1/memory")):
                content = b'{"%b":%b}' % (field, body)
                got = await client.request(method, path, content=content, headers=headers)
                assert got.status_code in (400, 404)


@pytest.mark.usefixtures("bugs")
async def test_no_import_is_a_bug(odd: tuple[RunningProxy, httpx.AsyncClient]) -> None:
    running, client = odd
    line = b'{"kind":"turn","text":"t","role":"user","said_at":"2026-01-01T00:00:00Z",%b}'
    changes = (
        b'"project":"%b"' % (b"p" * 1_000_000),
        b'"project":"\\u0000"',
        b'"conversation":"%b"' % (b"c" * 1_000_000),
        b'"files":["%b"]' % (b"f" * 1_000_000),
        b'"language":"%b"' % (b"l" * 1_000_000),
        b'"role":"\\u0000"',
        b'"position":%b' % (b"9" * 5000),
        b'"chain":"zz"',
        b'"said_at":"0001-01-01T00:00:00+23:59"',
    )
    for change in changes:
        got = await client.post(
            "/v1/memory",
            content=line % change,
            headers={"authorization": f"Bearer {running.token}"},
        )
        assert got.status_code < 500, change[:60]


def _raw(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (name.encode(), value if isinstance(value, bytes) else value.encode("latin-1"))
        for name, value in headers.items()
    ]


@pytest.mark.usefixtures("bugs")
async def test_a_body_that_is_aborted_is_no_bug(running: RunningProxy, upstream: Simulator) -> None:
    host, port = running.url.removeprefix("http://").split(":")
    for path in ("/v1/messages", "/v1/files", "/v1/messages/count_tokens"):
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 1000\r\n\r\n{{"
        writer.write(head.encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    async with client_of(running) as client:
        assert (await client.get("/healthz")).status_code == 200
    assert not len(upstream.log)


ANSWERS = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0\r\n\r\n",
    "a 304 with a length": answer(b"", status="304 Not Modified").replace(b": 0", b": 1234"),
    "cut in the body": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
    "cut in a chunk": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
}


@pytest.mark.usefixtures("bugs")
@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS)
async def test_an_odd_answer_to_any_path_is_no_bug(
    parts: Parts, tmp_path: Path, said: bytes
) -> None:
    async with (
        Canned.serve(always(said)) as provider,
        running_proxy(parts, tmp_path, provider.url, retry_attempts=2, commit_after=120) as running,
        client_of(running) as client,
    ):
        for method, path in (("GET", "/v1/models"), ("POST", "/v1/messages")):
            content = message("x", stream=True) if method == "POST" else None
            try:
                got = await client.request(method, path, content=content)
            except httpx.RemoteProtocolError:
                assert b"half" in said
            else:
                assert got.status_code in (304, 502)
