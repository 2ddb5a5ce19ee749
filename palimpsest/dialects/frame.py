"""A body's frame, all but its messages, as it is stored: a small skeleton and large parts.

Parts are what repeats between turns (the system prompt, the tool list); stored by content they cost
nothing on a turn that did not change them. The skeleton holds everything else but the messages. It
is the same for every dialect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

VERSION = 1


class Skeleton(NamedTuple):
    """``head`` and ``tail`` are literals; one part stands between each two neighbours."""

    version: int
    head: list[bytes]
    separators: list[bytes]
    tail: list[bytes]


_SKELETON = msgspec.msgpack.Decoder(Skeleton)


@dataclass(frozen=True, slots=True)
class Frame:
    """A body without its messages.

    skeleton: self-contained bytes
    parts: large values of the body in its order, which are stored by content
    """

    skeleton: bytes
    parts: tuple[bytes, ...]

    def rebuild(self, messages: Sequence[bytes]) -> bytes:
        """The body, byte for byte; raises ValueError when parts or messages are too few or many."""
        skeleton = _SKELETON.decode(self.skeleton)
        if skeleton.version != VERSION:
            raise ValueError(f"frame version {skeleton.version} is unknown")
        split = len(skeleton.head) - 1
        return b"".join(
            (
                _filled(skeleton.head, self.parts[:split]),
                join(messages, skeleton.separators),
                _filled(skeleton.tail, self.parts[split:]),
            )
        )


def join(messages: Sequence[bytes], separators: Sequence[bytes]) -> bytes:
    """The messages with the bytes between them; one separator stands for all."""
    if len(separators) <= 1:
        return b"".join(separators).join(messages)
    between = (*separators, b"")
    return b"".join(part for pair in zip(messages, between, strict=True) for part in pair)


def _filled(literals: Sequence[bytes], parts: Sequence[bytes]) -> bytes:
    pairs = zip(literals, (*parts, b""), strict=True)
    return b"".join(piece for pair in pairs for piece in pair)
