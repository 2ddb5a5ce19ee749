"""The vectors in the package: unit length, near what is alike, and without the package's code."""

import sys

import numpy as np
import pytest

from palimpsest.memory.static_embedder import StaticEmbedder


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder.load()


async def test_each_text_gets_a_row_of_unit_length(embedder: StaticEmbedder) -> None:
    rows = await embedder.embed(["one", "two words", "ünïcode 漢字"])
    assert rows.shape == (3, embedder.dimension)
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(3))


async def test_a_text_without_tokens_has_no_direction(embedder: StaticEmbedder) -> None:
    rows = await embedder.embed(["", "word"])
    assert not rows[0].any()
    assert rows[1].any()


async def test_no_texts_no_rows(embedder: StaticEmbedder) -> None:
    assert (await embedder.embed([])).shape == (0, embedder.dimension)


async def test_what_is_alike_is_near(embedder: StaticEmbedder) -> None:
    question, answer, other = await embedder.embed(
        [
            "How do I run the database migrations?",
            "To migrate the database, run alembic upgrade head.",
            "The cat slept on the warm window sill all afternoon.",
        ]
    )
    assert question @ answer > question @ other + 0.2


async def test_many_and_long_texts_are_the_same_as_one(embedder: StaticEmbedder) -> None:
    texts = [f"number {number} " * 50 for number in range(100)]
    together = await embedder.embed(texts)
    alone = np.concatenate([await embedder.embed([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-6)


def test_the_package_is_not_imported(embedder: StaticEmbedder) -> None:
    assert embedder.dimension == 256
    assert "wordllama" not in sys.modules
