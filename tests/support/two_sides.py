"""What the client saw, what the provider saw and what was recorded must be the same."""

from typing import Any

from harness.simulator import Call, Simulator
from tests.support.supervisor import Up
from tests.support.tap import Message, Tap
from tests.support.whole_stack import content, request_row

_OF_ONE_HOP = {b"host", b"connection", b"transfer-encoding", b"content-length", b"keep-alive"}
_OURS = b"x-palimpsest-request-id"


async def assert_two_sides_agree(tap: Tap, upstream: Simulator, up: Up) -> list[dict[str, Any]]:
    """Every call answered 200 without a violation, and identical on both sides; their rows."""
    seen = {answer.header("request-id"): (asked, answer) for asked, answer in tap.exchanges}
    rows: list[dict[str, Any]] = []
    for call in upstream.log.messages:
        assert call.status == 200, call.facts
        asked, answer = seen[call.request_id]
        _assert_same(call, asked, answer)
        rows.append(await _recorded(call, answer, up))
    assert len(rows) == len([1 for asked, _ in tap.exchanges if _is_messages(asked)])
    return rows


def _assert_same(call: Call, asked: Message, answer: Message) -> None:
    assert asked.target.decode() == call.path
    assert asked.body == call.body
    sent, came = _travelling(asked.headers), _travelling(call.headers)
    if (answer.header("content-type") or "").startswith("text/event-stream"):
        # A stream is asked for in plain, whatever the client accepts (docs/adr/0030).
        assert (b"accept-encoding", b"identity") in came
        sent, came = _without_encoding(sent), _without_encoding(came)
    assert sent == came
    assert answer.whole
    assert answer.body == call.answer


async def _recorded(call: Call, answer: Message, up: Up) -> dict[str, Any]:
    request_id = answer.header("x-palimpsest-request-id") or ""
    row = await request_row(up, request_id)
    assert (row["state"], row["outcome"], row["status"]) == ("ended", "answered", 200)
    assert [attempt["status"] for attempt in row["attempts"]] == [200]
    assert await content(up, request_id, "request") == call.body
    assert await content(up, request_id, "response") == bytes(call.answer)
    return row


def _travelling(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that both hops must carry alike, in order."""
    lowered = [(name.lower(), value) for name, value in headers]
    return [pair for pair in lowered if pair[0] not in _OF_ONE_HOP | {_OURS}]


def _without_encoding(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [pair for pair in headers if pair[0] != b"accept-encoding"]


def _is_messages(asked: Message) -> bool:
    return asked.target.partition(b"?")[0] == b"/v1/messages"
