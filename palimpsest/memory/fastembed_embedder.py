"""Embeds with a model that fastembed runs in this process; it downloads the model at first use."""

import asyncio
import importlib
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palimpsest.runtime.errors import EmbedderUnavailable, StartupFailed

_AT_ONCE = 32


class FastembedEmbedder:
    def __init__(self, model: str, dimension: int, library: Any) -> None:
        """``library`` is the module; the model is loaded when the first text comes."""
        self.name = f"fastembed {model}"
        self.dimension = dimension
        self._model_name = model
        self._library = library
        self._model: Any = None
        self._loading = Lock()

    @classmethod
    def create(cls, model: str) -> "FastembedEmbedder":
        """Raises StartupFailed where the library is not installed or has no such model."""
        try:
            library = importlib.import_module("fastembed")
        except ImportError as error:
            raise StartupFailed(
                f"PALIMPSEST_EMBEDDER=fastembed:{model}: install it, with `pip install fastembed`"
            ) from error
        known = {
            described["model"].lower(): described["dim"]
            for described in library.TextEmbedding.list_supported_models()
        }
        if model.lower() not in known:
            raise StartupFailed(f"PALIMPSEST_EMBEDDER=fastembed:{model}: fastembed has no such")
        return cls(model, known[model.lower()], library)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return await asyncio.to_thread(self._embed, list(texts))

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        try:
            with self._loading:
                if self._model is None:
                    self._model = self._library.TextEmbedding(self._model_name)
            rows = np.array(list(self._model.embed(texts, batch_size=_AT_ONCE)), np.float32)
        except Exception as error:  # The library and what it builds on raise all kinds.
            raise EmbedderUnavailable(f"fastembed: {error}") from error
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=rows, where=lengths > 0)
