"""What a client's connection may do: a raw socket in, bytes out."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import httpx
import msgspec
from starlette.types import Receive, Scope, Send

from api.connection import Bounds
from api.server import EdgeServer, edge_config

HEAD = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\n"
SHORT = Bounds(head_bytes=4_096, head_seconds=0.3, body_seconds=0.3)
LONG = Bounds(head_bytes=4_096)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that tells what it was given."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body, more = body + message["body"], message["more_body"]
    headers = [[name.decode(), value.decode()] for name, value in scope["headers"]]
    told = msgspec.json.encode({"headers": headers, "body": body.decode()})
    length = (b"content-length", b"%d" % len(told))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": told})


@asynccontextmanager
async def served(bounds: Bounds) -> AsyncGenerator[tuple[EdgeServer, int]]:
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)
    server = EdgeServer(edge_config(echo, bounds))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server, listener.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def exchange(port: int, *pieces: bytes) -> bytes:
    """What comes back until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    return answer


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_body_stays_where_another_protocol_is_asked_for() -> None:
    upgrade = (
        b"connection: close, Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
    )
    async with served(LONG) as (_, port):
        head = HEAD + upgrade + b"content-length: 5\r\n\r\n"
        for pieces in ((head + b"hello",), (head, b"hel", b"lo")):
            answer = await exchange(port, *pieces)
            assert b'"body":"hello"' in answer
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"h2c" not in answer


async def test_trailers_are_no_headers() -> None:
    chunked = b"connection: close\r\ntransfer-encoding: chunked\r\ntrailer: x-api-key\r\n\r\n"
    async with served(LONG) as (_, port):
        answer = await exchange(
            port, HEAD + chunked + b"3\r\nabc\r\n0\r\nx-api-key: another\r\n\r\n"
        )
    assert b'"body":"abc"' in answer
    assert b"another" not in answer


async def test_headers_beyond_the_bound_are_431_before_they_have_all_come() -> None:
    async with served(LONG) as (server, port):
        for head in (
            HEAD + b"x-big: " + b"a" * 5_000,
            HEAD + b"x-big: " + b"a" * 5_000 + b"\r\n\r\n",
            b"GET /" + b"a" * 5_000,
        ):
            answer = await exchange(port, head)
            assert answer.startswith(b"HTTP/1.1 431 "), answer[:80]
            assert b"request_too_large" in answer
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"x-big: ")
        for _ in range(100):
            writer.write(b"a" * 65_536)
        assert (await reader.read(12)) == b"HTTP/1.1 431"
        writer.close()
        await until(lambda: not server.server_state.connections)


async def test_a_head_and_a_body_that_do_not_come_are_408() -> None:
    async with served(SHORT) as (_, port):
        for begun in (HEAD, HEAD + b"content-length: 5\r\n\r\nab"):
            answer = await exchange(port, begun)
            assert answer.startswith(b"HTTP/1.1 408 "), answer[:80]


async def test_a_body_that_keeps_coming_is_not_late() -> None:
    async with served(SHORT) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"connection: close\r\ncontent-length: 8\r\n\r\n")
        for _ in range(8):
            writer.write(b"a")
            await asyncio.sleep(0.1)
        assert b'"body":"aaaaaaaa"' in await reader.read()
        writer.close()


async def test_idle_and_half_open_connections_are_let_go_and_others_served() -> None:
    async with served(SHORT) as (server, port):
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(200)]
        for number, (_, writer) in enumerate(opened):
            if number % 2:
                writer.write(b"POST /v1/mess")
        async with httpx.AsyncClient(trust_env=False) as client:
            url = f"http://127.0.0.1:{port}/"
            assert (await client.post(url, content=b"x")).status_code == 200
            assert (await client.post(url, content=b"x")).status_code == 200, "kept alive"
        await until(lambda: not server.server_state.connections)
        for _, writer in opened:
            writer.close()
