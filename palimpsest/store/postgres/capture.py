"""A request's body as what is new in it: blobs and nodes that are not stored yet.

A blob is content under its BLAKE3 hash, compressed where that pays.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import zstandard
from blake3 import blake3

from palimpsest.dialects.model import RequestView
from palimpsest.runtime.hash_chain import node_hashes
from palimpsest.runtime.offload import off_the_loop

_PLAIN, _ZSTD = 0, 1
_WORTH_COMPRESSING = 128
_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Blob:
    """``size`` is in bytes before compression."""

    hash: bytes
    codec: int
    size: int
    data: bytes

    @classmethod
    def of(cls, content: bytes) -> Self:
        if len(content) >= _WORTH_COMPRESSING:
            packed = zstandard.ZstdCompressor(level=_LEVEL).compress(content)
            if len(packed) < len(content):
                return cls(blob_hash(content), _ZSTD, len(content), packed)
        return cls(blob_hash(content), _PLAIN, len(content), content)


def blob_hash(content: bytes) -> bytes:
    return blake3(content).digest()


def unpack(codec: int, data: bytes) -> bytes:
    """The content of a stored blob."""
    return zstandard.ZstdDecompressor().decompress(data) if codec == _ZSTD else data


async def read_blob(row: Mapping[str, Any]) -> bytes:
    """The content of a blob's row; a large one does not keep the event loop."""
    codec, data = row["codec"], row["data"]
    size = zstandard.frame_content_size(data) if codec == _ZSTD else len(data)
    return await off_the_loop(size, unpack, codec, data)


TTL_SECONDS = 1800.0
"""Well under the hour for which retention spares whatever a request referred to."""
CAPACITY = 4_096


class StoredCache:
    """Hashes of blobs and nodes that a request referred to which was committed less than
    `TTL_SECONDS` ago; a node stands for its whole history, so a turn adds its newest ones."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._since: OrderedDict[bytes, float] = OrderedDict()
        self._clock = clock
        self.erasure = 0
        """The number of the last erasure of content that was heard of."""

    def __contains__(self, key: bytes) -> bool:
        since = self._since.get(key)
        return since is not None and self._clock() - since < TTL_SECONDS

    def add_committed(self, keys: Iterable[bytes], erasure: int = 0) -> None:
        """Call after the commit only, with the erasure's number that it told of: what was stored
        before an erasure may be gone."""
        if erasure < self.erasure:
            return
        if erasure > self.erasure:
            self._since.clear()
            self.erasure = erasure
        now = self._clock()
        for key in keys:
            self._since[key] = now
            self._since.move_to_end(key)
        while len(self._since) > CAPACITY:
            self._since.popitem(last=False)


_LATEST = 8


@dataclass(frozen=True, slots=True)
class Node:
    """One message of one raw history; ``parent`` is the node before it."""

    hash: bytes
    parent: bytes | None
    message: bytes
    depth: int


@dataclass(frozen=True, slots=True)
class CapturedBody:
    """``blobs`` and ``nodes`` are the new ones only, ordered by hash so that writers never lock
    each other out; ``parts`` and ``node`` name all that rebuilds it. ``latest`` are its newest
    nodes: the next turn goes on from one of them, as clients change where they put the markers."""

    skeleton: bytes
    parts: tuple[bytes, ...]
    node: bytes
    latest: tuple[bytes, ...]
    blobs: tuple[Blob, ...]
    nodes: tuple[Node, ...]


def capture(view: RequestView, known: Container[bytes]) -> CapturedBody:
    """Split a body; the work is proportional to what ``known`` does not hold."""
    frame = view.dialect.encode_frame(view)
    hashes = node_hashes(view.messages)
    blobs: dict[bytes, Blob] = {}

    def keep(content: bytes) -> bytes:
        key = blob_hash(content)
        if key not in known and key not in blobs:
            blobs[key] = Blob.of(content)
        return key

    nodes: list[Node] = []
    for depth in range(len(hashes), 0, -1):
        if hashes[depth - 1] in known:
            break
        parent = hashes[depth - 2] if depth > 1 else None
        nodes.append(Node(hashes[depth - 1], parent, keep(view.messages[depth - 1]), depth))
    parts = tuple(keep(part) for part in frame.parts)
    return CapturedBody(
        skeleton=frame.skeleton,
        parts=parts,
        node=hashes[-1],
        latest=hashes[-_LATEST:],
        blobs=tuple(sorted(blobs.values(), key=lambda blob: blob.hash)),
        nodes=tuple(sorted(nodes, key=lambda node: node.hash)),
    )
