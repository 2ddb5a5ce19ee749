"""What passes through is what came in, both ways."""

import gzip
import zlib
from pathlib import Path

import httpx
import pytest
import zstandard

from harness.simulator import Fault, Simulator
from tests.support.canned_provider import (
    Canned,
    Received,
    always,
    answer,
)
from tests.support.encoders import ENCODERS
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    ended,
    message,
    short_stream,
)

OWN = {b"host", b"content-length", b"connection"}
"""Each side's own, which httpx sets by itself."""


def beyond(received: Received, sent: httpx.Request) -> list[tuple[bytes, bytes]]:
    """The headers that arrived, in the order and spelling of the request that was sent."""
    spelling = {name.lower(): name for name, _ in sent.headers.raw}
    return [
        (spelling.get(name.lower(), name), value)
        for name, value in received.headers
        if name.lower() not in OWN
    ]


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"claude-sonnet-4-6","max_tokens":5,"messages":[{"role":"user","content":"a"}]}',
        (
            b' {\n\t"messages" : [ {"content":"\\u00e9\xc3\xa9","role":"user"}]\n,"max_tokens":5e0,'
            b'"model":"claude-sonnet-4-6", "unknown_field": {"a": [1.50, 1e400, -0.0, null]} }\n'
        ),
        (
            b'{"model":"x","model":"claude-sonnet-4-6","max_tokens":5,'
            b'"messages":[],"messages":[{"role":"user","content":"twice"}]}'
        ),
    ],
    ids=["plain", "odd", "twice"],
)
async def test_the_body_is_not_touched(parts: Parts, tmp_path: Path, body: bytes) -> None:
    async with (
        Canned.serve(always(answer(b"{}", ("content-type", "application/json")))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages?beta=true", content=body)
    assert got.status_code == 200
    [received] = provider.requests
    assert received.body == body


TARGETS = [
    b"/v1/messages?beta=true",
    b"/v1/messages?a=1&a=2&empty=&b",
    b"/v1/messages?q=%C3%A9%2f%2F+~'\"[]{}|^`\\",
    b"/v1/messages?next=http://x/y?z=1",
]
UNOWNED = [
    b"/api/hello",
    b"/v1/../v1/files/./x",
    b"//double//slash/",
    b"/a%2Fb%2f/%7Euser/~user;p=1:@!$&'()*,=",
]


@pytest.mark.parametrize("target", TARGETS + UNOWNED)
async def test_the_target_is_not_touched(parts: Parts, tmp_path: Path, target: bytes) -> None:
    provided = answer(b"{}", ("content-type", "application/json"))
    async with (
        Canned.serve(always(provided)) as provider,
        running_proxy(parts, tmp_path, provider.url + "/base") as running,
        client_of(running) as client,
    ):
        got = await client.post("/", content=message(), extensions={"target": target})
    assert got.status_code == 200
    assert provider.requests[0].target == b"/base" + target


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/anything"])
async def test_headers_pass_but_for_the_connections_own(
    parts: Parts, tmp_path: Path, path: str
) -> None:
    sent = [
        (b"X-Api-Key", b"sk-ant-test"),
        (b"Authorization", b"Bearer oat-1"),
        (b"anthropic-beta", b"one,two"),
        (b"anthropic-beta", b"three"),
        (b"X-Unknown", "naïve".encode("latin-1")),
        (b"x-empty", b""),
        (b"accept-encoding", b"gzip, br, zstd"),
        (b"user-agent", b"claude-cli/2.1.328 (external, cli)"),
        (b"x-stainless-retry-count", b"0"),
        (b"traceparent", b"00-1-2-01"),
        (b"accept", b"application/json"),
        (b"content-type", b"application/json"),
    ]
    own = [(b"X-Palimpsest-Context", b"on"), (b"x-palimpsest-context-cap", b"1000")]
    hop = [
        (b"connection", b"keep-alive, x-mine"),
        (b"x-mine", b"1"),
        (b"keep-alive", b"timeout=5"),
        (b"te", b"trailers"),
        (b"proxy-authorization", b"Basic secret"),
        (b"proxy-connection", b"keep-alive"),
        (b"upgrade", b"h2c"),
    ]
    provided = answer(
        b"{}",
        ("Content-Type", "application/json"),
        ("Set-Cookie", "a=1; Path=/"),
        ("Set-Cookie", "b=2"),
        ("X-Odd", "one"),
        ("request-id", "req_upstream"),
        ("Date", "Sat, 21 Nov 2026 10:00:00 GMT"),
        ("Connection", "keep-alive, x-theirs"),
        ("X-Theirs", "1"),
        ("Keep-Alive", "timeout=60"),
        ("Proxy-Authenticate", "Basic"),
        ("x-palimpsest-request-id", "forged"),
    )
    async with (
        Canned.serve(always(provided)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        httpx.AsyncClient(base_url=running.url, timeout=30) as client,
    ):
        client.headers.clear()
        got = await client.post(path, content=message(), headers=[*sent, *own, *hop])
    [received] = provider.requests
    assert beyond(received, got.request) == sent
    assert [(k.lower(), v) for k, v in received.headers if k.lower() == b"host"] == [
        (b"host", provider.url.removeprefix("http://").encode())
    ]
    arrived = [(k.decode(), v.decode()) for k, v in got.headers.raw]
    ours = [("x-palimpsest-context", "unchanged")] if path == "/v1/messages" else []
    assert arrived[:-1] == [
        ("content-type", "application/json"),
        ("set-cookie", "a=1; Path=/"),
        ("set-cookie", "b=2"),
        ("x-odd", "one"),
        ("request-id", "req_upstream"),
        ("date", "Sat, 21 Nov 2026 10:00:00 GMT"),
        ("content-length", "2"),
        *ours,
    ]
    assert arrived[-1][0] == ID
    assert arrived[-1][1].startswith("req_")


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("encoding", ENCODERS)
async def test_an_encoded_answer_is_read_and_passes_as_it_came_but_for_streams(
    parts: Parts, tmp_path: Path, encoding: str, streaming: bool
) -> None:
    plain = b"".join(short_stream())
    kind = "text/event-stream; charset=utf-8"
    if not streaming:
        plain = b'{"type":"message","usage":{"input_tokens":11,"output_tokens":7}}'
        kind = "application/json"
    packed = ENCODERS[encoding](plain)
    provided = answer(packed, ("content-type", kind), ("content-encoding", encoding))
    async with (
        Canned.serve(always(provided)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=message(stream=streaming)) as got,
    ):
        raw = b"".join([chunk async for chunk in got.aiter_raw()])
        assert raw == (plain if streaming else packed)
        assert got.headers.get("content-encoding") == (None if streaming else encoding)
        assert ("content-length" in got.headers) is not streaming
        state = await ended(running, got.headers[ID])
        assert state["outcome"] == "answered"
        assert (state["tokens"]["input"], state["tokens"]["output"]) == (11, 7)


_FIRST, _REST = b"".join(short_stream()[:2]), b"".join(short_stream()[2:])


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", b"this is no gzip at all"),
        ("gzip", gzip.compress(b"".join(short_stream()))[:-6]),
        ("gzip", gzip.compress(_FIRST) + gzip.compress(_REST) + b"\0\0"),
        ("zstd", zstandard.compress(_FIRST) + zstandard.compress(_REST)),
        ("br", b"\xff\xff no brotli"),
        ("gzip, br", ENCODERS["br"](gzip.compress(_FIRST + _REST))),
        ("deflate", zlib.compress(b"".join(short_stream()))[2:-4]),
        ("secret-sauce", b"whatever"),
    ],
    ids=["none", "cut", "members", "frames", "broken", "two", "raw", "unknown"],
)
@pytest.mark.parametrize("kind", ["application/json", "text/event-stream"])
async def test_an_oddly_encoded_answer_passes_as_well(
    parts: Parts, tmp_path: Path, encoding: str, packed: bytes, kind: str
) -> None:
    provided = answer(packed, ("content-type", kind), ("content-encoding", encoding))
    async with (
        Canned.serve(always(provided)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=message()) as got,
    ):
        raw = b"".join([chunk async for chunk in got.aiter_raw()])
        assert raw == packed
        await ended(running, got.headers[ID])
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_errors_pass_verbatim_and_are_not_tried_again(
    client: httpx.AsyncClient, upstream: Simulator, status: int
) -> None:
    body = '{"type":"error", "error":{"type":"odd_error","message":"h\\u00e9"}}\n'
    upstream.faults.push(Fault("status", status=status, body=body, retry_after=7))
    got = await client.post("/v1/messages", content=message())
    assert got.status_code == status
    assert got.content == body.encode()
    [call] = upstream.log.messages
    assert got.headers["request-id"] == call.request_id
    assert got.headers["retry-after"] == "7"
    assert "anthropic-ratelimit-requests-remaining" in got.headers
    assert got.headers[ID].startswith("req_")


async def test_an_error_for_a_stream_keeps_its_status(
    client: httpx.AsyncClient, upstream: Simulator
) -> None:
    got = await client.post("/v1/messages", content=message(model="claude-none", stream=True))
    [call] = upstream.log.messages
    assert got.status_code == 404
    assert got.content == bytes(call.answer)
    assert got.headers["content-type"] == "application/json"


async def test_what_the_client_asked_with_is_what_signs_in(
    client: httpx.AsyncClient, upstream: Simulator
) -> None:
    got = await client.post("/v1/messages", content=message(), headers={"x-api-key": "sk-other"})
    assert got.status_code == 200
    assert upstream.log.messages[0].header("x-api-key") == "sk-other"
    assert HEADERS["x-api-key"] != "sk-other"
