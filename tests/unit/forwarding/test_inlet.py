"""An answer on its way in: read, decoded where it is a stream, and never without a limit."""

import gzip

import pytest

from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.answer import AnswerHead
from palimpsest.forwarding.inlet import Inlet
from palimpsest.runtime.errors import StreamBroken
from tests.support.requests import short_stream

BOMB = gzip.compress(bytes(100 * 1024 * 1024), compresslevel=1)


def head(kind: bytes, encoding: bytes = b"gzip") -> AnswerHead:
    return AnswerHead(
        200,
        ((b"Content-Type", kind), (b"Content-Encoding", encoding), (b"content-length", b"1")),
    )


def test_a_document_that_is_a_bomb_goes_through_unread() -> None:
    reader = AnswerReader()
    inlet = Inlet(head(b"application/json"), reader, asked=True)
    assert b"".join(inlet.feed(BOMB)) == BOMB
    assert inlet.release(BOMB) + inlet.close() == BOMB
    assert not reader.complete
    assert inlet.head == head(b"application/json")


def feed(inlet: Inlet, *chunks: bytes) -> None:
    for chunk in chunks:
        for piece in inlet.feed(chunk):
            inlet.release(piece)


def test_a_stream_that_is_a_bomb_breaks() -> None:
    bomb = gzip.compress(
        short_stream()[1] + (b": " + b"x" * 1_000 + b"\n\n") * 80_000, compresslevel=1
    )
    inlet = Inlet(head(b"text/event-stream"), AnswerReader(), asked=True)
    with pytest.raises(StreamBroken, match="bytes"):
        feed(inlet, bomb)


@pytest.mark.parametrize("line", [b"x", b": \n\n"], ids=["event", "no content"])
def test_what_does_not_go_on_breaks_a_plain_stream(line: bytes) -> None:
    inlet = Inlet(head(b"text/event-stream", b"identity"), AnswerReader(), asked=True)
    with pytest.raises(StreamBroken, match="does not"):
        feed(inlet, *[line * (1024 * 1024)] * 40)


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_is_decoded_for_who_asked_for_it(asked: bool) -> None:
    plain = b"".join(short_stream())
    packed = gzip.compress(plain)
    inlet = Inlet(head(b"text/event-stream"), AnswerReader(), asked=asked)
    out = b"".join(inlet.release(piece) for piece in inlet.feed(packed)) + inlet.close()
    assert out == (plain if asked else packed)
    names = {name.lower() for name, _ in inlet.head.headers}
    assert (b"content-encoding" in names) is not asked
    assert (b"content-length" in names) is not asked
