"""A call beside a client's request, to the simulator and to a provider that misbehaves."""

import msgspec
import pytest

from harness.simulator import Fault, Simulator
from palimpsest.forwarding.model import Lease
from palimpsest.forwarding.side_call import NoTextAnswered, end_of_failed
from palimpsest.runtime.errors import StreamBroken, UpstreamTimeout, UpstreamUnreachable
from tests.support.canned_provider import Canned, always
from tests.support.learner import calls_to

HEADERS = (
    (b"X-Api-Key", b"sk-ant-test"),
    (b"anthropic-version", b"2023-06-01"),
    (b"content-type", b"application/json"),
    (b"accept", b"text/event-stream"),
    (b"accept-encoding", b"gzip, br"),
    (b"idempotency-key", b"the client's"),
    (b"x-palimpsest-context", b"on"),
)
BODY = msgspec.json.encode(
    {
        "model": "claude-haiku-4-5",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Sum it up."}],
    }
)
LEASE = Lease(1, 0)


async def test_what_the_model_says(upstream: Simulator) -> None:
    async with calls_to(upstream.url) as calls:
        said = await calls.ask(b"/v1/messages?beta=true", HEADERS, BODY)
    assert (said.status, said.text) == (200, "A short title")
    usage = msgspec.json.decode(said.usage)
    assert usage["input_tokens"] > 0
    assert not usage["estimated"]
    [call] = upstream.log
    assert call.path == "/v1/messages?beta=true"
    assert call.header("x-api-key") == "sk-ant-test"
    assert call.header("accept-encoding") == "identity"
    assert call.header("accept") == "application/json"
    assert call.header("idempotency-key") is None
    assert call.header("x-palimpsest-context") is None


@pytest.mark.parametrize(("status", "again"), [(529, True), (401, False)])
async def test_a_refusal(upstream: Simulator, status: int, again: bool) -> None:
    upstream.faults.push(Fault("status", status=status))
    async with calls_to(upstream.url) as calls:
        with pytest.raises(NoTextAnswered) as refused:
            await calls.ask(b"/v1/messages", HEADERS, BODY)
    assert refused.value.retryable is again
    end = end_of_failed(LEASE, refused.value, BODY)
    assert (end.outcome, end.status) == ("upstream_error", status)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault("reset"), UpstreamUnreachable),
        (Fault("cut_body"), StreamBroken),
        (Fault("stall", seconds=60), UpstreamTimeout),
    ],
    ids=["reset", "cut", "stall"],
)
async def test_half_a_call(upstream: Simulator, fault: Fault, error: type[Exception]) -> None:
    upstream.faults.push(fault)
    async with calls_to(upstream.url, seconds=0.5) as calls:
        with pytest.raises(error) as broken:
            await calls.ask(b"/v1/messages", HEADERS, BODY)
    end = end_of_failed(LEASE, broken.value, BODY)
    assert (end.outcome, end.status) == ("broken", None)
    assert msgspec.json.decode(end.usage or "")["estimated"]


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"no JSON",
        b'{"content":[{"type":"text","text":"  "}]}',
        b'{"content":[{"type":"text","text":"I must not."}],"stop_reason":"refusal"}',
        b'{"content":7}',
    ],
    ids=["empty", "not json", "blank", "refusal", "odd"],
)
async def test_an_answer_without_words(body: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    async with (
        Canned.serve(always(head + body)) as provider,
        calls_to(provider.url) as calls,
    ):
        with pytest.raises(NoTextAnswered) as unsaid:
            await calls.ask(b"/v1/messages", HEADERS, BODY)
    assert not unsaid.value.retryable
    assert end_of_failed(LEASE, unsaid.value, BODY).outcome == "answered"
