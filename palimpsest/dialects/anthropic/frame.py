"""A request's frame for storage: a small skeleton, and its large values as parts of their own.

Parts are what repeats between turns (blocks of ``system``, ``tools``); stored by content they cost
nothing on a turn that did not change them. The skeleton holds everything else but the messages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from palimpsest.dialects.anthropic.view import RequestView, Span, join

PART_BYTES = 512
_VERSION = 1
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class Skeleton(NamedTuple):
    """``head`` and ``tail`` are literals; one part stands between each two neighbours."""

    version: int
    head: list[bytes]
    separators: list[bytes]
    tail: list[bytes]


@dataclass(frozen=True, slots=True)
class Frame:
    """``skeleton`` is self-contained bytes; ``parts`` are in the order of the body."""

    skeleton: bytes
    parts: tuple[bytes, ...]


_SKELETON = msgspec.msgpack.Decoder(Skeleton)


def encode_frame(view: RequestView) -> Frame:
    """The frame of ``view``, without its messages; parts have at least PART_BYTES bytes."""
    body, first, last = view.body, len(view.prefix), len(view.body) - len(view.suffix)
    cuts = sorted(_large(view))
    before = [cut for cut in cuts if cut[1] <= first]
    after = [cut for cut in cuts if cut[0] >= last]
    skeleton = Skeleton(
        _VERSION,
        _literals(body, 0, before, first),
        list(view.separators),
        _literals(body, last, after, len(body)),
    )
    parts = tuple(body[start:end] for start, end in (*before, *after))
    return Frame(msgspec.msgpack.encode(skeleton), parts)


def rebuild(frame: Frame, messages: Sequence[bytes]) -> bytes:
    """The body, byte for byte; raises ValueError when parts or messages are too few or many."""
    skeleton = _SKELETON.decode(frame.skeleton)
    if skeleton.version != _VERSION:
        raise ValueError(f"frame version {skeleton.version} is unknown")
    split = len(skeleton.head) - 1
    return b"".join(
        (
            _filled(skeleton.head, frame.parts[:split]),
            join(messages, skeleton.separators),
            _filled(skeleton.tail, frame.parts[split:]),
        )
    )


def _large(view: RequestView) -> Iterator[Span]:
    """Where the large values lie; ``system`` is split at its blocks, for their first one varies."""
    for name, (start, end) in view.spans.items():
        if name == "messages" or end - start < PART_BYTES:
            continue
        if name == "system" and view.body[start : start + 1] == b"[":
            yield from _large_items(view.body, start, end)
        else:
            yield start, end


def _large_items(body: bytes, start: int, end: int) -> Iterator[Span]:
    at = start
    for raw in _ARRAY.decode(body[start:end]):
        item = bytes(raw)
        # Only commas and whitespace lie between the items, so the next occurrence is the item.
        at = body.index(item, at + 1 if at == start else at)
        if len(item) >= PART_BYTES:
            yield at, at + len(item)
        at += len(item)


def _literals(body: bytes, start: int, cuts: Sequence[Span], end: int) -> list[bytes]:
    starts = [start, *(cut[1] for cut in cuts)]
    ends = [*(cut[0] for cut in cuts), end]
    return [body[left:right] for left, right in zip(starts, ends, strict=True)]


def _filled(literals: Sequence[bytes], parts: Sequence[bytes]) -> bytes:
    pairs = zip(literals, (*parts, b""), strict=True)
    return b"".join(piece for pair in pairs for piece in pair)
