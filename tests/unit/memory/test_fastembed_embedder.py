"""fastembed downloads its models, so a stand-in has its place here; only its form is real."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from palimpsest.memory.fastembed_embedder import FastembedEmbedder
from palimpsest.runtime.errors import EmbedderUnavailable


class StandIn:
    """The module: it counts the models that were loaded, and fails as it is told."""

    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.offline = False

    def TextEmbedding(self, name: str) -> "StandIn":  # noqa: N802
        if self.offline:
            raise ValueError("could not download")
        self.loaded.append(name)
        return self

    def embed(self, texts: list[str], batch_size: int) -> Iterator[NDArray[np.float32]]:
        assert batch_size > 0
        yield from (np.array([len(text), 0.0, 3.0], np.float32) for text in texts)


async def test_loads_its_model_once_and_gives_unit_vectors() -> None:
    library = StandIn()
    embedder = FastembedEmbedder("some/model", 3, library)
    assert library.loaded == []
    rows = await embedder.embed(["four", ""])
    assert rows.tolist() == [pytest.approx([0.8, 0.0, 0.6]), [0.0, 0.0, 1.0]]
    assert (await embedder.embed([])).shape == (0, 3)
    await embedder.embed(["more"])
    assert library.loaded == ["some/model"]


async def test_without_its_model_it_is_away_until_it_has_it() -> None:
    library = StandIn()
    library.offline = True
    embedder = FastembedEmbedder("some/model", 3, library)
    with pytest.raises(EmbedderUnavailable, match="download"):
        await embedder.embed(["text"])
    library.offline = False
    assert (await embedder.embed(["text"])).shape == (1, 3)
