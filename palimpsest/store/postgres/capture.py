"""A request's body as what is new in it: blobs and nodes that are not stored yet."""

from collections.abc import Container
from dataclasses import dataclass

from palimpsest.dialects.model import RequestView
from palimpsest.runtime.hash_chain import node_hashes
from palimpsest.store.postgres.blobs import Blob, blob_hash

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
