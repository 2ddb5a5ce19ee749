"""Work on a growing list of messages that costs little for what was seen before.

Messages are taken in segments of 64, at fixed places. A segment is looked up by one hash over its
bytes, so a turn decodes and counts only the segments that changed, in general the last one.
"""

from collections.abc import Iterator, Sequence

from blake3 import blake3

SEGMENT = 64


def segments(messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The messages in segments; only the last may be shorter."""
    for start in range(0, len(messages), SEGMENT):
        yield messages[start : start + SEGMENT]


def digest(segment: Sequence[bytes]) -> bytes:
    """32 bytes that name the segment; JSON objects end themselves, so joining is unambiguous."""
    return blake3(b"".join(segment)).digest()
