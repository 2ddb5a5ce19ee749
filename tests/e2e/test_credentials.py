"""Credentials travel in headers and stay nowhere: not on disk, in a log, or in a history."""

import secrets

import pytest

from harness.simulator import Fault, Pace, Simulator
from tests.support import places
from tests.support.supervisor import Up
from tests.support.traffic import body, send, streaming
from tests.support.whole_stack import ended, kill, until_ready


@pytest.fixture
def mark() -> str:
    """Text of a message: content, which is kept."""
    return f"mark{secrets.token_hex(16)}"


async def test_no_credential_is_left_anywhere(up: Up, upstream: Simulator, mark: str) -> None:
    secret = secrets.token_hex(20)
    api_key = {"x-api-key": f"sk-ant-api03-{secret}"}
    oauth = {"authorization": f"Bearer sk-ant-oat01-{secret}", "cookie": f"session={secret}"}

    answered = await send(up, body(mark * 10), api_key)
    assert answered.status_code == 200
    assert (await send(up, body(mark, stream=True), oauth)).status_code == 200
    upstream.faults.push(Fault("status", status=401), Fault("status", status=529))
    assert (await send(up, body(mark), oauth)).status_code == 401
    retried = await send(up, body(mark), api_key)
    assert (retried.status_code, len(upstream.log.messages)) == (200, 5)
    count = await send(up, body(mark), oauth, "/v1/messages/count_tokens")
    assert count.status_code == 400
    assert (await send(up, b"not json", api_key)).status_code == 400
    assert (await send(up, body(mark), api_key, f"/v1/messages?api_key={secret}")).is_success
    upstream.app.pace = Pace(between_events=0.1, text_chars=1000)
    async with streaming(up, body(mark, stream=True), oauth) as left:
        pass
    async with streaming(up, body(mark, stream=True), api_key) as in_flight:
        await kill(up, "edge")
    await until_ready(up)
    for request_id in (left.request_id, in_flight.request_id):
        await ended(up, request_id)

    assert {call.header("x-api-key") or "" for call in upstream.log.messages} >= {
        f"sk-ant-api03-{secret}"
    }, "they did travel"
    assert await places.where(up, secret) == []
    found = await places.where(up, mark)
    assert "blob" in found, "the search finds what is there"
    request_id = answered.headers["x-palimpsest-request-id"]
    found = await places.where(up, request_id)
    assert {f"history {request_id}", "table requests"} < set(found)
    assert any(name.startswith("temporal/") for name in found), found
    assert any(name.startswith("postgres/pg_wal/") for name in found), found
