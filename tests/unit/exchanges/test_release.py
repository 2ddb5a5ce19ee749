"""However a stream is cut into chunks, the same bytes come out, in whole events."""

from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.events import PING, event
from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.answer import Release
from tests.support.requests import short_stream

STREAMS = (
    short_stream(),
    [*short_stream()[:2], PING, *short_stream()[2:]],
    [*short_stream()[:3], event("error", error={"type": "api_error", "message": "x"})],
    [piece.replace(b"\n", b"\r\n") for piece in short_stream("wörds\u2028")],
    short_stream()[:4],
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True)]


streams = st.sampled_from(STREAMS)
places = st.lists(st.integers(0, 4000), max_size=40)


@given(streams, places)
def test_every_chunking_releases_the_same_bytes(pieces: list[bytes], at: list[int]) -> None:
    whole = b"".join(pieces)
    reader = AnswerReader()
    reader.headers("text/event-stream")
    release = Release(reader, readable=True)
    ends = {0}
    for piece in pieces:
        ends.add(max(ends) + len(piece))
    content = whole.index(b"content_block_start")
    out, fed = b"", 0
    for chunk in cut(whole, at):
        reader.feed(chunk)
        fed += len(chunk)
        out += release.feed(chunk)
        # Between the two bytes of a last CRLF the blank line is there already.
        assert len(out) in ends or (len(out) + 1 in ends and out.endswith(b"\r\n\r"))
        assert not out or fed > content, "released before any content"
        assert b"message_stop" not in out, "the end does not wait for the commit"
        assert release.released == len(out)
    assert out + release.rest() == whole


@given(st.binary(max_size=500), places)
def test_what_cannot_be_read_is_released_but_for_its_last_chunk(data: bytes, at: list[int]) -> None:
    reader = AnswerReader()
    reader.headers("application/json")
    release = Release(reader, readable=False)
    chunks = [chunk for chunk in cut(data, at) if chunk]
    out = b"".join(release.feed(chunk) for chunk in chunks)
    assert out == b"".join(chunks[:-1])
    assert out + release.rest() == data
