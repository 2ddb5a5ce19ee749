"""Which bytes of a running answer may go to the client now, and which wait.

A stream is released in whole events, so that a ping or an error never lands inside one, and from
its first content on, so that a failure before it can be tried again unseen. The end waits for the
commit: `message_stop`, or the last chunk of anything that is not a readable stream.
"""

from palimpsest.dialects.anthropic.usage import AnswerReader


class Release:
    """Feed it every chunk; it returns what may be written. ``rest`` is for after the commit."""

    def __init__(self, reader: AnswerReader, *, readable: bool) -> None:
        self._reader = reader
        self._readable = readable
        self._held = bytearray()
        self.released = 0

    def feed(self, chunk: bytes) -> bytes:
        """``chunk`` as it came; the reader has been fed the same bytes before."""
        if not self._readable:
            ready, self._held = bytes(self._held), bytearray(chunk)
            return self._count(ready)
        self._held += chunk
        if not self._reader.content_started:
            return b""
        ready = bytes(self._held[: max(0, self._reader.releasable - self.released)])
        del self._held[: len(ready)]
        return self._count(ready)

    def rest(self) -> bytes:
        """What was held back."""
        return self._count(bytes(self._held))

    def _count(self, ready: bytes) -> bytes:
        self.released += len(ready)
        return ready
