"""Builds the embedder that the settings name."""

from palimpsest.memory.embedding import Embedder, EmbeddingCache
from palimpsest.memory.fastembed_embedder import FastembedEmbedder
from palimpsest.memory.openai_embedder import OpenAIEmbedder
from palimpsest.memory.static_embedder import StaticEmbedder
from palimpsest.providers.route import Route
from palimpsest.runtime.errors import StartupFailed


def build_embedder(named: str, url: str, key: str | None, route: Route) -> Embedder:
    """Builds ``static``, ``fastembed:<model>``, ``openai:<model>`` or
    ``openai:<model>@<dimension>``; the last two call ``url`` with ``key`` by ``route``. Reads
    files, so it belongs into a thread, and makes no call. Raises StartupFailed,
    EmbedderUnavailable."""
    kind, _, model = named.partition(":")
    match kind:
        case "static" if not model:
            return StaticEmbedder.load()
        case "fastembed" if model:
            return EmbeddingCache(FastembedEmbedder.create(model))
        case "openai" if model:
            return EmbeddingCache(OpenAIEmbedder.create(model, url, key, route))
        case _:
            raise StartupFailed(
                f"PALIMPSEST_EMBEDDER={named}: must be static, fastembed:<model> or openai:<model>"
            )
