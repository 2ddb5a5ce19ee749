"""What is new in a body as values of statements, of a bounded number each: the driver encodes a
statement on the event loop, and all other requests wait for that."""

from collections.abc import Iterator, Sequence
from typing import Any

from palimpsest.store.postgres.capture import Blob, CapturedBody, Node

AT_ONCE = 2_000
"""So many blobs and nodes are encoded in some 10 ms."""


def content_values(body: CapturedBody) -> Iterator[dict[str, Any]]:
    """The values of one statement after the other, at least one. They keep the body's order."""
    for start in range(0, max(len(body.blobs), len(body.nodes), 1), AT_ONCE):
        end = start + AT_ONCE
        yield _values(body.blobs[start:end], body.nodes[start:end])


def _values(blobs: Sequence[Blob], nodes: Sequence[Node]) -> dict[str, Any]:
    return {
        "blob_hash": [blob.hash for blob in blobs],
        "blob_codec": [blob.codec for blob in blobs],
        "blob_size": [blob.size for blob in blobs],
        "blob_data": [blob.data for blob in blobs],
        "node_hash": [node.hash for node in nodes],
        "node_parent": [node.parent for node in nodes],
        "node_message": [node.message for node in nodes],
        "node_depth": [node.depth for node in nodes],
    }
