"""A request whose body has a content-encoding is read in plain, and goes on as it came."""

from pathlib import Path

import httpx
import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.exchange import Exchange
from tests.support.canned_provider import Canned, always, answer
from tests.support.encoders import ENCODERS
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import ID, client_of, is_error, message


async def test_an_encoded_body_is_captured_in_plain_and_sent_on_as_it_came(
    parts: Parts, tmp_path: Path
) -> None:
    async with (
        Canned.serve(always(answer(b"{}"))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        for encoding, encode in ENCODERS.items():
            body = message(f"in {encoding}")
            packed = encode(body)
            got = await client.post(
                "/v1/messages", content=packed, headers={"content-encoding": encoding}
            )
            assert got.status_code == 200
            received = provider.requests[-1]
            assert received.body == packed
            assert (b"content-encoding", encoding.encode()) in received.headers
            captured = await client.get(
                f"/v1/requests/{got.headers[ID]}/request",
                headers={"authorization": f"Bearer {running.token}"},
            )
            assert captured.content == body


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_a_bomb_is_413_and_what_is_no_encoding_400(
    client: httpx.AsyncClient, encoding: str
) -> None:
    bomb = ENCODERS[encoding](bytes(40 * 1024 * 1024))
    coded = {"content-encoding": encoding}
    got = await client.post("/v1/messages", content=bomb, headers=coded)
    assert got.status_code == 413
    assert is_error(got.content, "request_too_large")
    none = await client.post("/v1/messages", content=b"\xff\xfe none", headers=coded)
    assert none.status_code == 400
    assert is_error(none.content, "invalid_request_error")


def test_a_body_that_comes_from_the_record_has_no_encoding_any_more() -> None:
    view = parse(message())
    headers = ((b"Content-Encoding", b"gzip"), (b"x-api-key", b"k"))
    assert Exchange("req", view, b"/", headers).outgoing() == (headers[1:], view.body)
    assert Exchange("req", view, b"/", headers, encoded=b"e").outgoing() == (headers, b"e")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/requests"),
        ("GET", "/v1/stats/unknown"),
        ("GET", "/v1/memory/a/b/c"),
        ("GET", "/v1/conversations"),
        ("DELETE", "/healthz/x"),
        ("GET", "//v1/requests/x/unknown"),
    ],
)
async def test_what_is_not_there_below_our_own_paths_is_404(
    running: RunningProxy, method: str, path: str
) -> None:
    async with client_of(running) as client:
        own = {"authorization": f"Bearer {running.token}"}
        got = await client.request(method, running.url + path, headers=own)
    assert got.status_code in (404, 405)
    assert not is_error(got.content, "authentication_error")


async def test_the_local_token_does_not_go_to_the_provider(parts: Parts, tmp_path: Path) -> None:
    async with (
        Canned.serve(always(answer(b"{}"))) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        own = {"authorization": f"Bearer {running.token}", "x-other": "1"}
        await client.post("/v1/messages", content=message("with a token"), headers=own)
        await client.get("/v1/models", headers=own)
    for received in provider.requests:
        assert (b"x-other", b"1") in received.headers
        assert running.token.encode() not in b"".join(value for _, value in received.headers)


async def test_an_upload_streams_through(parts: Parts, tmp_path: Path) -> None:
    """It is larger than what a request to the model may be."""
    async with (
        Canned.serve(always(answer(b"{}"))) as provider,
        running_proxy(parts, tmp_path, provider.url, max_body_bytes=1024) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/files", content=bytes(3 * 1024 * 1024))
    assert got.status_code == 200
    assert len(provider.requests[0].body) == 3 * 1024 * 1024
