"""The interface of embedders, which turn texts into vectors, and the cache before them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

from palimpsest.runtime.lru import Memo

_BYTES = 32 * 1024 * 1024
_FLOAT32_BYTES = 4


class Embedder(Protocol):
    """``name``: the model with its version; ``dimension``: the length of its vectors."""

    name: str
    dimension: int

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of unit length for each text; raises EmbedderUnavailable."""
        ...


class EmbeddingCache:
    """An embedder before another: it keeps the newest vectors, by the hash of their text, up to
    ``size`` bytes, so that no text is embedded twice."""

    def __init__(self, embedder: Embedder, size: int = _BYTES) -> None:
        self.name = embedder.name
        self.dimension = embedder.dimension
        self._embedder = embedder
        self._rows: Memo[bytes, NDArray[np.float32]] = Memo(
            max(1, size // (_FLOAT32_BYTES * embedder.dimension))
        )

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        keys = [blake3(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        known = {key: row for key in keys if (row := self._rows.get(key)) is not None}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if new:
            rows = await self._embedder.embed(list(new.values()))
            # A view would keep its whole batch.
            known |= {key: row.copy() for key, row in zip(new, rows, strict=True)}
        for key, row in known.items():
            self._rows.put(key, row)
        if not keys:
            return np.zeros((0, self.dimension), np.float32)
        return np.stack([known[key] for key in keys])
