"""The SSE parser: the same events whatever the chunks and the line ends."""

from itertools import pairwise
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.dialects.anthropic.sse import Event, SseParser

LINES = st.sampled_from(
    b"event: ping|event:x|data: {}|data:|data|data:  a:b|: note|id: 1|||||retry: 3|unknown"
    b"|data: \xff\xfe|event: message_stop".split(b"|")
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def events(*chunks: bytes) -> list[Event]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def chunked(stream: bytes, cuts: list[int]) -> list[bytes]:
    bounds = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[left:right] for left, right in pairwise(bounds)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"event: a\ndata: 1\n\n", [(b"a", b"1", 0)]),
        (
            b"event: a\r\ndata: 1\r\n\r\nevent: b\r\ndata: 2\r\n\r\n",
            [(b"a", b"1", 0), (b"b", b"2", 21)],
        ),
        (b"event: a\rdata: 1\r\r", [(b"a", b"1", 0)]),
        (b"data: 1\n\n\n\ndata: 2\n\n", [(b"message", b"1", 0), (b"message", b"2", 11)]),
        (b"data: 1\ndata:2\ndata\n\n", [(b"message", b"1\n2\n", 0)]),
        (b"\xef\xbb\xbfdata: 1\n\n", [(b"message", b"1", 3)]),
        (b"data: 1\nevent: a\nevent: b\n\n", [(b"b", b"1", 0)]),
        (b": note\n\nevent: a\n\ndata:\n\n", [(b"message", b"", 18)]),
        (b"data: 1\n", []),
        (b"data: 1\r\n", []),
        (b"\n\n\n", []),
    ],
)
def test_the_rules(stream: bytes, expected: list[tuple[bytes, bytes, int]]) -> None:
    assert events(stream) == [Event(*event) for event in expected]
    assert events(*(stream[at : at + 1] for at in range(len(stream)))) == events(stream)


@given(
    lines=st.lists(st.tuples(LINES, ENDS), max_size=30),
    cuts=st.lists(st.integers(0, 1000), max_size=12),
    bom=st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb"]),
)
def test_any_chunks_give_the_same_events(
    lines: list[tuple[bytes, bytes]], cuts: list[int], bom: bytes
) -> None:
    stream = bom + b"".join(line + end for line, end in lines)
    assert events(*chunked(stream, cuts)) == events(stream)


@given(lines=st.lists(LINES, max_size=30), end=st.sampled_from([b"\r\n", b"\r"]))
def test_line_ends_do_not_matter(lines: list[bytes], end: bytes) -> None:
    plain = events(b"\n".join(lines) + b"\n")
    other = events(end.join(lines) + end)
    assert [event[:2] for event in other] == [event[:2] for event in plain]


def test_where_the_pending_event_begins() -> None:
    parser = SseParser()
    parser.feed(b"data: 1\n\nevent: mess")
    assert parser.pending_start == 9
    parser.feed(b"age_stop\ndata: {}\n\n")
    assert parser.pending_start == 39


def test_a_huge_event_in_small_chunks_is_linear() -> None:
    parser = SseParser()
    begun = thread_time()
    parser.feed(b"data: ")
    for _ in range(20_000):
        assert not parser.feed(b"x" * 1000)
    (event,) = parser.feed(b"\n\n")
    assert len(event.data) == 20_000_000
    assert thread_time() - begun < 5
