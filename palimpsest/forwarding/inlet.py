"""The provider's bytes on their way in: decoded where they must be, read, and cut into what the
client may see."""

from collections.abc import Iterator

from palimpsest.dialects.anthropic.usage import AnswerReader
from palimpsest.exchanges.answer import AnswerHead, Release
from palimpsest.providers.encodings import MOST_DECODED_BYTES, Decoder, decoded_headers
from palimpsest.providers.headers import value_of
from palimpsest.runtime.errors import StreamBroken

_MOST_HELD_BYTES = 32 * 1024 * 1024


class Inlet:
    """Feed it each chunk of the wire; it gives the bytes of the answer, which the reader has read
    by then. ``release`` says which of them may go out.

    ``head`` is the answer's. A stream that comes encoded is decoded for good, so that retries,
    pings and errors are possible in it: its head names no encoding any more, and no stream's a
    length. ``asked``: the client asked for a stream; what it did not ask for stays encoded.
    ``is_readable``: the answer is events in plain, so that one of ours may follow.
    """

    def __init__(self, head: AnswerHead, reader: AnswerReader, *, asked: bool) -> None:
        kind = value_of(head.headers, b"content-type") or ""
        self.is_stream = kind.lower().startswith("text/event-stream")
        self._reader = reader
        self._decoder = Decoder(value_of(head.headers, b"content-encoding"))
        self.decodes = (
            asked and self.is_stream and self._decoder.needed and not self._decoder.failed
        )
        self.is_readable = self.is_stream and (self.decodes or not self._decoder.needed)
        # Events are decoded, and pings and an end of our own may change how many bytes they are.
        self.head = (
            AnswerHead(head.status, decoded_headers(head.headers)) if self.is_readable else head
        )
        self._release = Release(reader, readable=self.is_readable)
        reader.headers(kind)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The chunk as the answer has it. Raises StreamBroken where a stream cannot be decoded, or
        has an event that does not end."""
        for piece in self._decoder.pieces(chunk):
            self._reader.feed(piece)
            if self.decodes:
                yield piece
        if not self.decodes:
            yield chunk
        elif self._decoder.failed:
            raise StreamBroken(self._reason())

    def release(self, piece: bytes) -> bytes:
        """What may be written after this piece."""
        ready = self._release.feed(piece)
        if self._reader.pending > _MOST_HELD_BYTES or self._release.held > _MOST_HELD_BYTES:
            raise StreamBroken("the provider's stream has an event that does not end")
        return ready

    def close(self) -> bytes:
        """The wire ended, or the stream did; returns what waits for the commit. Raises StreamBroken
        where a stream ended before its end."""
        if not self._decoder.failed:
            self._reader.close()
        told = self._reader.complete or self._reader.error is not None or self._decoder.failed
        if self.is_stream and not told:
            raise StreamBroken("the provider's stream ended before its message_stop")
        return self._release.rest()

    def _reason(self) -> str:
        if self._decoder.too_large:
            return f"the provider's stream decodes to more than {MOST_DECODED_BYTES} bytes"
        return "the provider's stream cannot be decoded"
