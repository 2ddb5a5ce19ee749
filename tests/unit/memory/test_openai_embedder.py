"""The embedder of an OpenAI-compatible server, against a real one on loopback."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import numpy as np
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from api.server import EdgeServer
from palimpsest.devstack.ports import LOOPBACK, choose
from palimpsest.memory.embedders import build_embedder
from palimpsest.memory.embedding import EmbeddingCache
from palimpsest.memory.openai_embedder import OpenAIEmbedder
from palimpsest.providers.route import DIRECT
from palimpsest.runtime.errors import EmbedderUnavailable, StartupFailed

LENGTH = 4


class Asked(msgspec.Struct):
    model: str
    input: list[str]
    encoding_format: str
    dimensions: int | None = None


class Server:
    """Answers with a vector that says how long a text is, in another order than it was asked;
    refuses what contains "poison", and fails as it is told."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.keys: list[str | None] = []
        self.status = 200
        self.delay = 0.0

    @classmethod
    @asynccontextmanager
    async def serve(cls) -> "AsyncGenerator[tuple[Server, str]]":
        server = cls()
        app = Starlette(routes=[Route("/v1/embeddings", server.embeddings, methods=["POST"])])
        running = EdgeServer(uvicorn.Config(app, log_config=None, lifespan="off", ws="none"))
        # It listens already, so that nobody has to wait for the server to have started.
        with socket.create_server((LOOPBACK, 0)) as listener:
            task = asyncio.create_task(running.serve([listener]))
            try:
                yield server, f"http://{LOOPBACK}:{listener.getsockname()[1]}"
            finally:
                running.should_exit = True
                await task

    async def embeddings(self, request: Request) -> Response:
        asked = msgspec.json.decode(await request.body(), type=Asked)
        self.asked.append(asked)
        self.keys.append(request.headers.get("authorization"))
        await asyncio.sleep(self.delay)
        if self.status != 200:
            return JSONResponse({"error": "no"}, self.status)
        if any(not text or "poison" in text for text in asked.input):
            return JSONResponse({"error": "refused"}, 400)
        rows = [
            {"index": at, "embedding": [float(len(text)), 1.0, 0.0, 0.0]}
            for at, text in enumerate(asked.input)
        ]
        return JSONResponse({"data": rows[::-1]})


@pytest.fixture
async def serving() -> AsyncGenerator[tuple[Server, str]]:
    async with Server.serve() as served:
        yield served


@asynccontextmanager
async def asking(
    url: str, key: str | None = None, model: str = f"small@{LENGTH}"
) -> AsyncGenerator[OpenAIEmbedder]:
    asked = OpenAIEmbedder.create(model, url, key)
    try:
        yield asked
    finally:
        await asked.close()


async def test_asks_in_batches_and_keeps_the_order(serving: tuple[Server, str]) -> None:
    server, url = serving
    async with asking(f"{url}/v1/", key="k") as asked:
        rows = await asked.embed(["x" * number for number in range(300)])
    assert [len(one.input) for one in server.asked] == [128, 128, 43]
    assert {one.model for one in server.asked} == {"small"}
    assert set(server.keys) == {"Bearer k"}
    assert not rows[0].any()
    assert np.linalg.norm(rows[1:], axis=1) == pytest.approx(np.ones(299))
    assert (rows[1:, 0] / rows[1:, 1]).round() == pytest.approx(np.arange(1, 300))


async def test_one_text_that_is_refused_does_not_keep_the_others(
    serving: tuple[Server, str],
) -> None:
    _, url = serving
    async with asking(url) as asked:
        rows = await asked.embed(["good", "poison", "fine", "well"])
    assert [bool(row.any()) for row in rows] == [True, False, True, True]


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_server_that_fails_is_an_embedder_that_is_away(
    serving: tuple[Server, str], status: int
) -> None:
    server, url = serving
    server.status = status
    async with asking(url) as asked:
        with pytest.raises(EmbedderUnavailable, match=str(status)):
            await asked.embed(["text"])
        server.status = 200
        assert (await asked.embed(["text"])).any()


async def test_another_length_says_what_to_set(serving: tuple[Server, str]) -> None:
    _, url = serving
    async with asking(url, model="small@7") as asked:
        with pytest.raises(EmbedderUnavailable, match=f"openai:small@{LENGTH}"):
            await asked.embed(["text"])


async def test_nobody_there() -> None:
    port = choose({"nobody": None})["nobody"]
    async with asking(f"http://{LOOPBACK}:{port}") as asked:
        with pytest.raises(EmbedderUnavailable, match="cannot be reached"):
            await asked.embed(["text"])


async def test_the_caller_may_give_up(serving: tuple[Server, str]) -> None:
    server, url = serving
    server.delay = 1
    async with asking(url) as asked:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await asked.embed(["text"])


async def test_the_same_text_is_asked_for_once(serving: tuple[Server, str]) -> None:
    server, url = serving
    async with asking(url) as asked:
        cached = EmbeddingCache(asked)
        first = await cached.embed(["one", "two", "one"])
        again = await cached.embed(["two", "three"])
        assert [one.input for one in server.asked] == [["one", "two"], ["three"]]
        assert np.array_equal(first[1], again[0])
        assert np.array_equal(first[0], first[2])
        assert (await cached.embed([])).shape == (0, LENGTH)


@pytest.mark.parametrize(
    ("named", "dimension"),
    [
        ("static", 256),
        ("openai:text-embedding-3-small", 1536),
        ("openai:text-embedding-3-large@256", 256),
    ],
)
def test_how_long_vectors_are_is_known_without_a_call(named: str, dimension: int) -> None:
    assert build_embedder(named, "http://x", None, DIRECT).dimension == dimension


async def test_shorter_vectors_are_asked_for_where_the_model_makes_them(
    serving: tuple[Server, str],
) -> None:
    server, url = serving
    for model in (f"text-embedding-3-large@{LENGTH}", f"small@{LENGTH}"):
        async with asking(url, model=model) as asked:
            await asked.embed(["x"])
    assert [one.dimensions for one in server.asked] == [LENGTH, None]


UNKNOWN = (
    *("", "statics", "static:x", "fastembed:", "fastembed:unheard-of", "openai:"),
    *("openai:unheard-of", "openai:m@", "openai:m@x", "openai:m@0"),
)


@pytest.mark.parametrize("named", UNKNOWN)
def test_what_is_no_embedder_says_so(named: str) -> None:
    with pytest.raises(StartupFailed, match="PALIMPSEST_EMBEDDER="):
        build_embedder(named, "http://x", None, DIRECT)
