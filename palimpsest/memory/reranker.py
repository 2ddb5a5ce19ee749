"""Reranks the best hits with an optional model that reads question and text together."""

import asyncio
import importlib
from collections.abc import Sequence
from typing import Any, Protocol

from palimpsest.runtime.errors import EmbedderUnavailable


class Reranker(Protocol):
    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """One score for each text, the higher the better; raises EmbedderUnavailable."""
        ...


class FastembedReranker:
    """A cross-encoder of fastembed, which downloads it at its first use."""

    def __init__(self, model: str) -> None:
        """Raises EmbedderUnavailable."""
        try:
            encoders = importlib.import_module("fastembed.rerank.cross_encoder")
            self._model: Any = encoders.TextCrossEncoder(model)
        except ImportError as error:
            raise EmbedderUnavailable("PALIMPSEST_RERANKER needs the package fastembed") from error
        except Exception as error:  # An unknown model, no network, a broken download.
            raise EmbedderUnavailable(f"the reranker {model} cannot be used: {error}") from error

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        try:
            return await asyncio.to_thread(lambda: list(self._model.rerank(question, list(texts))))
        except Exception as error:
            raise EmbedderUnavailable(f"the reranker failed: {error}") from error
