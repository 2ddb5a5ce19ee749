"""Whatever a provider reports beside an answer, the client has the answer, and it is recorded."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.simulator.events import event
from tests.support.canned_provider import Canned, Received, answer
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import ID, client_of, ended, message, short_stream

USAGES = {
    "beyond 31 bits": '{"input_tokens":2147483648,"output_tokens":4294967296}',
    "beyond 63 bits": '{"input_tokens":18446744073709551617,"output_tokens":1e300}',
    "5,000 digits": '{"input_tokens":%s,"output_tokens":7}' % ("9" * 5000),
    "negative": '{"input_tokens":-1,"output_tokens":-9223372036854775809}',
    "text": '{"input_tokens":"many","cache_creation":[]}',
    "a list": "[1,2]",
    "a number": "7",
}
REASONS = ["end\\u0000turn", "x" * 3_000_000, "\\ud83d\\ude00" * 300]
ODD_HEADERS = (("x-odd", "\xe9\x80\xff"), ("retry-after", "9" * 400), ("x-empty", ""))


def streamed(usage: str, reason: str = "end_turn") -> bytes:
    start, *content, _, stop = short_stream()
    data = f'{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{usage}}}'
    return b"".join((start, *content, f"event: message_delta\ndata: {data}\n\n".encode(), stop))


def whole(usage: str, reason: str = "end_turn") -> bytes:
    return f'{{"type":"message","stop_reason":"{reason}","usage":{usage}}}'.encode()


async def script(asked: Received) -> AsyncIterator[bytes]:
    """Answers with what the request says, as the stream or the whole that it asks for."""
    body = msgspec.json.decode(asked.body, type=dict[str, Any])
    told = body["messages"][0]["content"]
    made, kind = (
        (streamed, "text/event-stream") if body.get("stream") else (whole, "application/json")
    )
    yield answer(made(*told.split("|")), ("content-type", kind), *ODD_HEADERS)


@pytest.mark.parametrize("stream", [True, False])
async def test_the_client_has_its_answer(parts: Parts, tmp_path: Path, stream: bool) -> None:
    odd = [f"{usage}" for usage in USAGES.values()]
    odd += [f'{{"output_tokens":1}}|{reason}' for reason in REASONS]
    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        for told in odd:
            got = await client.post("/v1/messages", content=message(told, stream=stream))
            assert got.content == (streamed if stream else whole)(*told.split("|")), told[:60]
            state = await ended(running, got.headers[ID])
            assert state["outcome"] == "answered"
        assert len(provider.requests) == len(odd)
        large = await client.post("/v1/messages", content=message(odd[0] + " ", stream=stream))
        state = await ended(running, large.headers[ID])
        assert state["tokens"]["output"] == 2**32
        damaged = await client.post("/v1/messages", content=message(odd[4] + " ", stream=stream))
        state = await ended(running, damaged.headers[ID])
        assert "damaged" in state["reason"]


async def test_an_error_event_of_an_odd_shape_is_told_as_it_came(
    parts: Parts, tmp_path: Path
) -> None:
    odd = event("error", error="a string")

    async def refuse(_: Received) -> AsyncIterator[bytes]:
        yield answer(odd, ("content-type", "text/event-stream"))

    async with (
        Canned.serve(refuse) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=message(stream=True))
        assert got.content == odd
        assert (await ended(running, got.headers[ID]))["outcome"] == "upstream_error"
