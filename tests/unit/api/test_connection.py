"""How a body comes in: as one piece where it is not too large, whatever the network made of it."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from api.connection import READ_AHEAD_BYTES
from api.server import EdgeServer, edge_config


class Counting:
    """An application that takes bodies; ``pieces`` are those of the last one."""

    def __init__(self) -> None:
        self.pieces: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        pieces: list[int] = []
        more = True
        while more:
            message = await receive()
            pieces.append(len(message["body"]))
            more = message["more_body"]
        self.pieces = pieces
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % sum(pieces)})


async def slowly(body: bytes) -> AsyncIterator[bytes]:
    """In chunks, without a length."""
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]
        await asyncio.sleep(0)


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_is_handed_over_whole(chunked: bool) -> None:
    app, listener = Counting(), socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    server = EdgeServer(edge_config(app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    async with httpx.AsyncClient(trust_env=False) as client:
        for size in (0, 1, 400_000, 5 * READ_AHEAD_BYTES, 400_000):
            body = b"x" * size
            answer = await client.post(url, content=slowly(body) if chunked else body)
            assert answer.text == str(size)
            if size < READ_AHEAD_BYTES:
                assert app.pieces == [size]
            else:
                assert 2 <= len(app.pieces) <= 6
    server.should_exit = True
    await serving
