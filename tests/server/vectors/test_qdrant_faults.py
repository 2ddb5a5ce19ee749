"""A Qdrant server that is away, silent, or filled by another embedder."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from qdrant_client import AsyncQdrantClient

from palimpsest.devstack.ports import LOOPBACK, choose
from palimpsest.memory.model import Cursor
from palimpsest.runtime.errors import IndexUnavailable
from palimpsest.store.vectors.model import IndexStep, SearchFilter
from palimpsest.store.vectors.qdrant import QdrantIndex, client_of
from tests.support.generated_memories import DIMENSION, entry

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning")
ALL = SearchFilter("default")


@asynccontextmanager
async def opened(
    client: AsyncQdrantClient, vectors: str = "test", dimension: int = DIMENSION
) -> AsyncGenerator[QdrantIndex]:
    index = QdrantIndex(client, vectors, dimension)
    try:
        yield index
    finally:
        await index.close()


async def test_nobody_there_is_told_at_once() -> None:
    port = choose({"nobody": None})["nobody"]
    client = client_of(f"http://{LOOPBACK}:{port}", {}, patience=3600)
    async with opened(client) as index:
        for call in (index.cursor(), index.count(ALL), index.clear()):
            with pytest.raises(IndexUnavailable, match="Qdrant"):
                await call


async def test_silence_is_not_waited_for_long() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    async with server, opened(client_of(f"http://{LOOPBACK}:{port}", {}, patience=1)) as index:
        with pytest.raises(IndexUnavailable):
            await index.cursor()


@pytest.mark.parametrize(("vectors", "dimension"), [("other", DIMENSION), ("test", 8)])
async def test_vectors_of_another_embedder_are_not_mixed_in(
    tmp_path: Path, vectors: str, dimension: int
) -> None:
    async with opened(AsyncQdrantClient(path=str(tmp_path))) as index:
        await index.write(IndexStep([entry(1)], [], Cursor(), Cursor(1)))
    async with opened(AsyncQdrantClient(path=str(tmp_path)), vectors, dimension) as index:
        for call in (index.cursor(), index.count(ALL)):
            with pytest.raises(IndexUnavailable, match=r"PALIMPSEST_EMBEDDER.*memory reindex"):
                await call
        await index.clear()
        assert await index.cursor() == Cursor()
        assert await index.count(ALL) == 0


async def test_the_address_may_carry_a_key() -> None:
    client = client_of("https://secret@qdrant.example:1234", {})
    assert "secret" not in str(client._client.rest_uri)  # pyright: ignore
    assert client._client.rest_uri == "https://qdrant.example:1234"  # pyright: ignore
    await client.close()
