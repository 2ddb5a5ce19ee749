"""The embedder that the settings name."""

from errors import StartupFailed
from intelligence.embedding import Embedder
from intelligence.embedding_cache import EmbeddingCache
from intelligence.fastembed_embedder import FastembedEmbedder
from intelligence.openai_embedder import OpenAIEmbedder
from intelligence.static_embedder import StaticEmbedder


def embedder(named: str, url: str, key: str | None) -> Embedder:
    """``static``, ``fastembed:<model>``, ``openai:<model>`` or ``openai:<model>@<dimension>``; the
    last two ask ``url`` with ``key``. Reads files, so belongs into a thread; calls nobody. Raises
    StartupFailed, EmbedderUnavailable."""
    kind, _, model = named.partition(":")
    match kind:
        case "static" if not model:
            return StaticEmbedder.load()
        case "fastembed" if model:
            return EmbeddingCache(FastembedEmbedder.of(model))
        case "openai" if model:
            return EmbeddingCache(OpenAIEmbedder.of(model, url, key))
        case _:
            raise StartupFailed(
                f"PALIMPSEST_EMBEDDER={named}: must be static, fastembed:<model> or openai:<model>"
            )
