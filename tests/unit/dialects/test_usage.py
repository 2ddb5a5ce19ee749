"""The answer reader: what it knows after any number of bytes of any answer."""

from itertools import pairwise
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.events import event
from palimpsest.dialects.anthropic.usage import MOST_TOKENS, AnswerReader, Phase, Usage
from tests.support.odd_json import VALUES
from tests.support.sessions import encode
from tests.support.streams import SSE, delta

CREATION = {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3}
AT_START = {
    "input_tokens": 7,
    "cache_read_input_tokens": 11,
    "cache_creation_input_tokens": 5,
    "cache_creation": CREATION,
    "output_tokens": 1,
}
START = event("message_start", message={"model": "claude-x", "usage": AT_START})
BLOCK = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
WORDS = delta("text_delta", 'event: message_stop\n\ndata: "{}"') + delta(
    "signature_delta", "x" * 99
)
BLOCK_END = event("content_block_stop", index=0)
END = event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 42})
STOP = event("message_stop")
PING = event("ping")
STREAM = START + PING + BLOCK + WORDS + BLOCK_END + END + STOP


def read(*chunks: bytes, content_type: str = SSE) -> AnswerReader:
    reader = AnswerReader()
    reader.headers(content_type)
    for chunk in chunks:
        reader.feed(chunk)
    return reader


def known(reader: AnswerReader) -> tuple[Any, ...]:
    facts = (reader.phase, reader.model, reader.usage, reader.stop_reason, reader.error)
    more = (reader.complete, reader.content_started, reader.stop_offset, reader.received)
    return (*facts, *more, reader.events, reader.output_chars, reader.releasable)


@pytest.mark.parametrize(
    ("stream", "phase", "complete"),
    [
        (b"", Phase.HEADERS, False),
        (PING, Phase.HEADERS, False),
        (START, Phase.STARTED, False),
        (START + PING + BLOCK, Phase.CONTENT, False),
        (START + BLOCK + WORDS + END, Phase.CONTENT, False),
        (STREAM[:-1], Phase.CONTENT, False),
        (STREAM, Phase.ENDED, True),
    ],
)
def test_phases(stream: bytes, phase: Phase, complete: bool) -> None:
    reader = read(stream)
    assert (reader.phase, reader.complete) == (phase, complete)
    assert reader.content_started == (phase in (Phase.CONTENT, Phase.ENDED))
    assert AnswerReader().phase is Phase.NOTHING


def test_what_a_whole_stream_tells() -> None:
    reader = read(STREAM)
    assert reader.usage == Usage(7, 42, cache_read=11, cache_write_5m=2, cache_write_1h=3)
    assert reader.usage is not None
    assert reader.usage.prompt == 23
    assert (reader.model, reader.stop_reason, reader.error) == ("claude-x", "end_turn", None)
    assert reader.stop_offset == len(STREAM) - len(STOP)
    assert reader.events == 8
    assert 20 < reader.output_chars < 60


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_chunks_tell_the_same(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[left:right] for left, right in pairwise(bounds)]
    assert known(read(*chunks)) == known(read(STREAM))


@pytest.mark.parametrize("stream", [STREAM, STREAM.replace(b"\n", b"\r\n")])
def test_the_end_is_never_released_before_its_time(stream: bytes) -> None:
    reader, released = read(), 0
    for at in range(len(stream)):
        reader.feed(stream[at : at + 1])
        assert released <= reader.releasable <= at + 1
        released = reader.releasable
    assert released == reader.stop_offset
    assert stream[released:].startswith(b"event: message_stop")


def test_only_whole_events_are_released() -> None:
    reader = read(START + WORDS[:60])
    assert reader.releasable == len(START)


def test_later_counts_replace_earlier_ones() -> None:
    total = {"input_tokens": 100, "cache_creation_input_tokens": 5, "output_tokens": 9}
    reader = read(START, event("message_delta", delta={}, usage=total | {"server_tool_use": None}))
    assert reader.usage == Usage(100, 9, cache_read=11, cache_write_5m=2, cache_write_1h=3)


def test_cache_writes_without_breakdown_are_five_minute_writes() -> None:
    usage = {"input_tokens": 1, "cache_creation_input_tokens": 8, "output_tokens": 1}
    reader = read(event("message_start", message={"usage": usage}))
    assert reader.usage == Usage(1, 1, cache_write_5m=8)


@pytest.mark.parametrize("before", [b"", START, START + BLOCK])
def test_an_error_event(before: bytes) -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    reader = read(before + event("error", error=error))
    assert (reader.phase, reader.error, reader.complete) == (
        Phase.ERROR,
        "overloaded_error",
        False,
    )


def test_events_without_names_are_known_by_their_type() -> None:
    lines = [line for line in STREAM.split(b"\n") if not line.startswith(b"event:")]
    reader = read(b"\n".join(lines))
    assert (reader.phase, reader.complete, reader.content_started) == (Phase.ENDED, True, True)
    assert reader.usage == read(STREAM).usage


def test_odd_events_are_passed_over() -> None:
    odd = b"event: message_start\ndata: nonsense\n\nevent: new_kind\ndata: {}\n\n"
    assert known(read(odd + STREAM))[:4] == known(read(STREAM))[:4]


def test_a_json_answer() -> None:
    message = {"type": "message", "model": "m", "stop_reason": "tool_use", "usage": AT_START}
    body = encode(message | {"content": [{"type": "text", "text": "hi"}]})
    reader = read(body[:20], body[20:], content_type="application/json")
    assert (reader.phase, reader.complete, reader.releasable) == (Phase.HEADERS, False, 0)
    reader.close()
    assert (reader.phase, reader.complete, reader.stop_reason) == (Phase.ENDED, True, "tool_use")
    assert reader.usage == Usage(7, 1, cache_read=11, cache_write_5m=2, cache_write_1h=3)


@pytest.mark.parametrize("body", [b"", b'{"type":"message"', b"<html>", b"\xff", b"[1]"])
def test_a_cut_or_foreign_body_is_not_complete(body: bytes) -> None:
    reader = read(body, content_type="application/json")
    reader.close()
    assert (reader.complete, reader.phase) == (False, Phase.HEADERS)


def test_an_error_body() -> None:
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    reader = read(encode(error), content_type="application/json")
    reader.close()
    assert (reader.phase, reader.error, reader.content_started) == (
        Phase.ERROR,
        "rate_limit_error",
        False,
    )


def test_it_is_quick() -> None:
    stream = START + delta("text_delta", "some words of text") * 20_000 + END + STOP
    chunks = [stream[at : at + 1400] for at in range(0, len(stream), 1400)]
    reader, best = read(), float("inf")
    for _ in range(5):
        begun = thread_time()
        reader = read(*chunks)
        best = min(best, thread_time() - begun)
    assert reader.complete
    assert best / reader.events < 10e-6


DROPPED = [
    {
        "type": "thinking_dropped",
        "path": "messages.1.content.0",
        "reason": "prefix_binding_mismatch",
    },
    {"type": "thinking_mismatch_allowed", "path": "messages.3.content.0", "reason": "x"},
    {"type": "something new"},
    {"type": "thinking_dropped"},
]


def test_dropped_thinking_is_read_where_it_is_told() -> None:
    told = {"model": "claude-x", "usage": AT_START, "input_transformations": DROPPED}
    start = event("message_start", message=told)
    assert read(start).dropped == ("prefix_binding_mismatch", "unknown")
    again = event("message_delta", delta={}, usage={}, input_transformations=DROPPED[-1:])
    assert read(start, END).dropped == ("prefix_binding_mismatch", "unknown")
    assert read(start, again).dropped == ("unknown",)
    whole = read(encode({"type": "message", **told}), content_type="application/json")
    whole.close()
    assert whole.dropped == ("prefix_binding_mismatch", "unknown")


@pytest.mark.parametrize("odd", [None, "x", {"type": "thinking_dropped"}, [1, None, "x"]])
def test_a_report_of_an_odd_shape_costs_nothing_else(odd: Any) -> None:
    told = {"model": "claude-x", "usage": AT_START, "input_transformations": odd}
    reader = read(event("message_start", message=told))
    assert (reader.dropped, reader.model) == ((), "claude-x")
    assert reader.usage is not None


@pytest.mark.parametrize("count", ["-1", "1.5", '"7"', "[7]", "true", "9" * 5000, "1e999"])
def test_a_damaged_count_costs_no_other_fact(count: str) -> None:
    usage = f'{{"input_tokens":{count},"output_tokens":42}}'
    body = f'{{"type":"message","model":"m","stop_reason":"end_turn","usage":{usage}}}'
    reader = read(body.encode(), content_type="application/json")
    reader.close()
    assert (reader.complete, reader.model, reader.stop_reason) == (True, "m", "end_turn")
    assert reader.usage == Usage(0, 42, damaged=True)
    delta = f'{{"type":"message_delta","delta":{{"stop_reason":"end_turn"}},"usage":{usage}}}'
    stream = read(START, BLOCK, f"event: message_delta\ndata: {delta}\n\n".encode(), STOP)
    assert stream.usage is not None
    assert (stream.usage.input, stream.usage.output, stream.usage.damaged) == (7, 42, True)
    assert (stream.complete, stream.stop_reason) == (True, "end_turn")


@pytest.mark.parametrize("usage", ["7", "[]", '"none"', "false"])
def test_a_usage_that_is_none_is_damaged(usage: str) -> None:
    reader = read(
        f'{{"usage":{usage},"stop_reason":[1]}}'.encode(), content_type="application/json"
    )
    reader.close()
    assert reader.complete
    assert reader.usage == Usage(damaged=True)
    assert reader.stop_reason is None


def test_a_count_beyond_all_bounds_is_clamped() -> None:
    usage = {"input_tokens": 2**54, "output_tokens": 2**40, "cache_creation_input_tokens": 10**17}
    reader = read(encode({"usage": usage}), content_type="application/json")
    reader.close()
    most = MOST_TOKENS
    assert reader.usage == Usage(most, 2**40, cache_write_5m=most, damaged=True)
    assert reader.usage is not None
    assert reader.usage.prompt < 2**63


def test_what_a_record_shows_of_a_name_is_short() -> None:
    body = encode({"model": "m" * 10**6, "stop_reason": "s" * 3_000_000})
    reader = read(body, content_type="application/json")
    reader.close()
    assert (reader.model, reader.stop_reason) == ("m" * 200, "s" * 200)


@given(
    field=st.sampled_from(["message", "delta", "usage", "error", "type", "content"]), value=VALUES
)
def test_no_event_is_too_odd(field: str, value: Any) -> None:
    for name in ("message_start", "message_delta", "error", "message"):
        data = encode({"type": "message_start", field: value})
        reader = read(b"event: %b\ndata: %b\n\n" % (name.encode(), data))
        assert reader.received
        whole = read(encode({field: value}), content_type="application/json")
        whole.close()
        assert whole.complete
