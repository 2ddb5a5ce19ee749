"""The frame of a Messages request: which of its values are parts of their own."""

from collections.abc import Iterator, Sequence

import msgspec

from palimpsest.dialects.frame import VERSION, Frame, Skeleton
from palimpsest.dialects.model import RequestView, Span

PART_BYTES = 512
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


def encode_frame(view: RequestView) -> Frame:
    """The frame of ``view``, without its messages; parts have at least PART_BYTES bytes."""
    body, first, last = view.body, len(view.prefix), len(view.body) - len(view.suffix)
    cuts = sorted(_large(view))
    before = [cut for cut in cuts if cut[1] <= first]
    after = [cut for cut in cuts if cut[0] >= last]
    skeleton = Skeleton(
        VERSION,
        _literals(body, 0, before, first),
        list(view.separators),
        _literals(body, last, after, len(body)),
    )
    parts = tuple(body[start:end] for start, end in (*before, *after))
    return Frame(msgspec.msgpack.encode(skeleton), parts)


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
