"""Embeds by calls to any server that has OpenAI's ``/v1/embeddings``."""

from collections.abc import Sequence

import httpx
import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from palimpsest.providers.route import DIRECT, Route
from palimpsest.runtime.errors import EmbedderUnavailable, StartupFailed

_DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_SHORTENED = "text-embedding-3"
"""Models of this name make shorter vectors when they are asked to."""

_AT_ONCE = 128
_LONGEST_CHARACTERS = 20_000
"""Below the 8,192 tokens that the models take; of longer texts the head counts."""
_SECONDS = 20.0
_REFUSED = (400, 413, 422)

_log = structlog.stdlib.get_logger()


class _Row(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Row]


_ANSWER = msgspec.json.Decoder(_Answer)


class _Refused(Exception):
    """The server will not take these texts, however often they are sent."""


class OpenAIEmbedder:
    def __init__(
        self, model: str, dimension: int, url: str, key: str | None, route: Route = DIRECT
    ) -> None:
        """``url`` may end in ``/v1``."""
        self.name = f"openai {model}"
        self.dimension = dimension
        self._model = model
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/v1/embeddings"
        shortened = model.startswith(_SHORTENED) and dimension != _DIMENSIONS.get(model)
        self._more = {"dimensions": dimension} if shortened else {}
        headers = {"authorization": f"Bearer {key}"} if key else {}
        self._client = httpx.AsyncClient(
            headers=headers, timeout=_SECONDS, **route.options(self._url)
        )

    @classmethod
    def create(
        cls, named: str, url: str, key: str | None, route: Route = DIRECT
    ) -> "OpenAIEmbedder":
        """``named`` is ``<model>`` or ``<model>@<dimension>``; raises StartupFailed."""
        model, _, given = named.partition("@")
        dimension = int(given) if given.isdigit() else _DIMENSIONS.get(model, 0)
        if not model or dimension <= 0 or bool(given) != given.isdigit():
            raise StartupFailed(
                f"PALIMPSEST_EMBEDDER=openai:{named}: say how long its vectors are, as in "
                f"openai:{model or '<model>'}@768"
            )
        return cls(model, dimension, url, key, route)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        # The API takes no empty text; it has no direction anyway.
        spoken = [at for at, text in enumerate(texts) if text.strip()]
        for start in range(0, len(spoken), _AT_ONCE):
            batch = spoken[start : start + _AT_ONCE]
            rows[batch] = await self._embed_batch([texts[at][:_LONGEST_CHARACTERS] for at in batch])
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, lengths, out=rows, where=lengths > 0)

    async def close(self) -> None:
        await self._client.aclose()

    async def _embed_batch(self, texts: list[str]) -> NDArray[np.float32]:
        """Embeds a batch. If the server refuses it, embeds its halves, so that one bad text gets a
        zero vector and the others get theirs."""
        try:
            return await self._post(texts)
        except _Refused as error:
            if len(texts) == 1:
                _log.warning("a text got no vector", reason=str(error))
                return np.zeros((1, self.dimension), np.float32)
            half = len(texts) // 2
            return np.concatenate(
                [await self._embed_batch(texts[:half]), await self._embed_batch(texts[half:])]
            )

    async def _post(self, texts: list[str]) -> NDArray[np.float32]:
        body = {"model": self._model, "input": texts, "encoding_format": "float", **self._more}
        try:
            response = await self._client.post(self._url, json=body)
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise EmbedderUnavailable(f"the embedder cannot be reached: {reason}") from error
        if response.status_code in _REFUSED:
            raise _Refused(f"the embedder answered {response.status_code}")
        if not response.is_success:
            raise EmbedderUnavailable(f"the embedder answered {response.status_code}")
        try:
            data = sorted(_ANSWER.decode(response.content).data, key=lambda row: row.index)
        except msgspec.DecodeError as error:
            raise EmbedderUnavailable("the embedder answered something else") from error
        if len(data) != len(texts):
            raise EmbedderUnavailable(f"{len(texts)} texts, and {len(data)} vectors came back")
        if any(len(row.embedding) != self.dimension for row in data):
            raise EmbedderUnavailable(
                f"vectors of {self._model} are {len(data[0].embedding)} long: set "
                f"PALIMPSEST_EMBEDDER=openai:{self._model}@{len(data[0].embedding)}"
            )
        return np.array([row.embedding for row in data], np.float32)
