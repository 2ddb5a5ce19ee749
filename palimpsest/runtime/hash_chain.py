"""Hashes along a growing list of messages, at the cost of what was not seen before.

Messages are taken in segments of 64, at fixed places. A segment is looked up by one hash over its
bytes, so a turn decodes, hashes and counts only the segments that changed, in general the last one.
All hashes are 32 bytes of BLAKE3.
"""

from collections.abc import Callable, Iterator, Sequence

from blake3 import blake3

from palimpsest.runtime.lru import Memo

Hash = bytes
Link = Callable[[bytes], Hash]

SEGMENT = 64
_NODES = blake3(b"palimpsest node 1").digest()

# A prompt of a million tokens has some 3,000 messages: 47 segments, a raw and a canonical link for
# each.
_links: Memo[Hash, tuple[Hash, ...]] = Memo(2_048)


def segments(messages: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The messages in segments; only the last may be shorter."""
    for start in range(0, len(messages), SEGMENT):
        yield messages[start : start + SEGMENT]


def digest(segment: Sequence[bytes]) -> Hash:
    """Names the segment; JSON objects end themselves, so joining is unambiguous."""
    return blake3(b"".join(segment)).digest()


def raw_hash(message: bytes) -> Hash:
    """The hash of the exact bytes, the address of a stored message."""
    return blake3(message).digest()


def node_hashes(messages: Sequence[bytes]) -> tuple[Hash, ...]:
    """One hash per message over the exact bytes up to and with it; the same for every tenant."""
    return linked_hashes(b"raw", _NODES, messages, raw_hash)


def linked_hashes(
    kind: bytes, start: Hash, messages: Sequence[bytes], link: Link
) -> tuple[Hash, ...]:
    """One hash per message: of the one before it, from ``start`` on, and of the message's own
    ``link``. ``kind`` names the link function, for what is remembered of whole segments."""
    last, hashes = start, list[Hash]()
    for segment in segments(messages):
        key = blake3(kind + last + digest(segment)).digest()
        known = _links.get(key)
        if known is None:
            known = _link(last, segment, link)
            if len(segment) == SEGMENT:
                _links.put(key, known)
        hashes.extend(known)
        last = known[-1]
    return tuple(hashes)


def _link(last: Hash, segment: Sequence[bytes], link: Link) -> tuple[Hash, ...]:
    hashes: list[Hash] = []
    for message in segment:
        last = blake3(last + link(message)).digest()
        hashes.append(last)
    return tuple(hashes)
