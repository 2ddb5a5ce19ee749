"""A provider of the smallest kind, and one request to it by a route."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from palimpsest.providers.route import Route
from palimpsest.providers.upstream import Upstream
from tests.support.listener import listening

TARGET = b"/v1/messages?beta=true&q=%7e{}"


@asynccontextmanager
async def provider(
    tls: ssl.SSLContext | None = None, status: bytes = b"200 OK"
) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """Its URL, and the first line of each request."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        writer.write(b"HTTP/1.1 %b\r\ncontent-length: 2\r\n\r\n{}" % status)
        await writer.drain()
        writer.close()

    async with listening(answer, tls) as address:
        yield f"{'https' if tls else 'http'}://{address}/base", asked


async def ask(url: str, route: Route, connect_timeout: float = 5) -> bytes:
    """The body of the provider's answer to one request."""
    upstream = Upstream(url, connect_timeout, 5, route)
    try:
        response = await upstream.send("POST", TARGET, [(b"x-api-key", b"k")], b"")
        return await response.aread()
    finally:
        await upstream.close()
