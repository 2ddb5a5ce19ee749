"""A body's frame for storage, all but its messages: a small skeleton, and large values as parts.

Parts are what repeats between turns (the system prompt, the tool list); stored by content they cost
nothing on a turn that did not change them. The skeleton holds everything else but the messages. It
is the same for every dialect.
"""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import msgspec

from palimpsest.dialects.model import Frame, RequestView, Span

PART_BYTES = 512
_VERSION = 1
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class Skeleton(NamedTuple):
    """``head`` and ``tail`` are literals; one part stands between each two neighbours."""

    version: int
    head: list[bytes]
    separators: list[bytes]
    tail: list[bytes]


_SKELETON = msgspec.msgpack.Decoder(Skeleton)


def encode_frame(view: RequestView, messages: str, split: Container[str]) -> Frame:
    """The frame of ``view``, without its field ``messages``; parts have at least PART_BYTES bytes.
    Lists in the fields of ``split`` are taken apart at their items."""
    body, first, last = view.body, len(view.prefix), len(view.body) - len(view.suffix)
    cuts = sorted(_large(view, messages, split))
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


def join(messages: Sequence[bytes], separators: Sequence[bytes]) -> bytes:
    """The messages with the bytes between them; one separator stands for all."""
    if len(separators) <= 1:
        return b"".join(separators).join(messages)
    between = (*separators, b"")
    return b"".join(part for pair in zip(messages, between, strict=True) for part in pair)


def _large(view: RequestView, messages: str, split: Container[str]) -> Iterator[Span]:
    """Where the large values lie."""
    for name, (start, end) in view.spans.items():
        if name == messages or end - start < PART_BYTES:
            continue
        if name in split and view.body[start : start + 1] == b"[":
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
