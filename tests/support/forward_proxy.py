"""A company's proxy: it tunnels what CONNECT asks for, and forwards what has an absolute target."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.listener import listening, pass_on


@dataclass(slots=True)
class ForwardProxy:
    """``heads`` has the head of each request that it was asked."""

    url: str = ""
    heads: list[bytes] = field(default_factory=list[bytes])

    @classmethod
    @asynccontextmanager
    async def serve(cls) -> "AsyncGenerator[ForwardProxy]":
        proxy = cls()
        async with listening(proxy.answer) as address:
            proxy.url = f"http://{address}"
            yield proxy

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        url = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, back = await asyncio.open_connection(url.hostname, url.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = target.partition(url.netloc)[2]
            back.write(head.replace(target.encode(), path.encode(), 1))
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer))
