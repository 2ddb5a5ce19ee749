"""Embeds with a table of tokens that comes with a package: nothing is downloaded or called.

The table and the tokenizer are wordllama's, 256 numbers for each of 32,000 tokens. A text's vector
is its tokens' mean, so it costs a look-up each. The package itself is not imported.
"""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file  # pyright: ignore[reportUnknownVariableType]
from tokenizers import Tokenizer

from palimpsest.runtime.errors import EmbedderUnavailable

_PACKAGE = "wordllama"
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
_TENSOR = "embedding.weight"

_INLINE_CHARACTERS = 2000
"""A text up to this is embedded at once: to hand it to a thread would take longer."""
_LONGEST_CHARACTERS = 20_000
"""Of longer texts the head counts; memories are far shorter."""


class StaticEmbedder:
    name = "static wordllama l2_supercat"

    def __init__(self, table: NDArray[np.float32], tokenizer: Tokenizer) -> None:
        """``table``: one row for each token."""
        self._table = table
        self._tokenizer = tokenizer
        self.dimension = table.shape[1]

    @classmethod
    def load(cls) -> "StaticEmbedder":
        """Takes about 0.1 s; raises EmbedderUnavailable."""
        spec = find_spec(_PACKAGE)
        if spec is None or spec.origin is None:
            raise EmbedderUnavailable(f"the package {_PACKAGE} is not installed")
        package = Path(spec.origin).parent
        try:
            table = load_file(package / _WEIGHTS)[_TENSOR].astype(np.float32)
            tokenizer = Tokenizer.from_file(str(package / _TOKENIZER))
        except Exception as error:  # The two libraries raise Exceptions of their own.
            raise EmbedderUnavailable(f"the static vectors cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return cls(table, tokenizer)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if sum(map(len, texts)) <= _INLINE_CHARACTERS:
            return self.embed_now(texts)
        return await asyncio.to_thread(self.embed_now, texts)

    def embed_now(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeds in this thread. The row of a text without tokens is zero."""
        rows = np.zeros((len(texts), self.dimension), np.float32)
        heads = [text[:_LONGEST_CHARACTERS] for text in texts]
        encoded = self._tokenizer.encode_batch_fast(heads, add_special_tokens=False)
        for row, encoding in zip(rows, encoded, strict=True):
            if encoding.ids:
                self._table[encoding.ids].sum(axis=0, out=row)
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=rows, where=lengths > 0)
