"""Which vector index there is: the embedded one, or a server's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from palimpsest.store.vectors.embedded.index import EmbeddedIndex
from palimpsest.store.vectors.model import VectorIndex


def vector_index(
    qdrant_url: str | None, data_dir: Path, vectors: str, dimension: int, way: Mapping[str, Any]
) -> VectorIndex:
    """``vectors`` names what makes the vectors, of so many numbers each; ``way`` is how an HTTP
    client reaches a server. Does nothing yet: an index that is away is an error of the calls, not
    of the start."""
    if qdrant_url is None:
        return EmbeddedIndex(data_dir / "vectors", vectors, dimension)
    # Its client takes a second to import.
    from palimpsest.store.vectors.qdrant import QdrantIndex, client_of

    return QdrantIndex(client_of(qdrant_url, way), vectors, dimension)
