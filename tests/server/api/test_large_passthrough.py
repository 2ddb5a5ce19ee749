"""What passes through is of any size both ways, and held nowhere."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.support.proxy import Parts, running_proxy

PIECE = bytes(1024 * 1024)
UPLOAD, DOWNLOAD = 500, 256
"""Pieces."""
MOST_MORE = 96 * 1024 * 1024


@asynccontextmanager
async def counting_provider() -> AsyncGenerator[tuple[str, list[int]]]:
    """A provider that counts an upload's bytes and answers with a large file."""
    counts: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        match = re.search(rb"content-length: (\d+)", head.lower())
        length, read = int(match[1]) if match else 0, 0
        while read < length and (piece := await reader.read(len(PIECE))):
            read += len(piece)
        counts.append(read)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (DOWNLOAD * len(PIECE)))
        for _ in range(DOWNLOAD):
            writer.write(PIECE)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", counts


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(UPLOAD):
        yield PIECE


async def test_files_of_hundreds_of_megabytes_stream_both_ways(
    parts: Parts, tmp_path: Path
) -> None:
    process, sizes = psutil.Process(), list[int]()

    async def watch() -> None:
        while True:
            sizes.append(process.memory_info().rss)
            await asyncio.sleep(0.05)

    async with (
        counting_provider() as (url, counts),
        running_proxy(parts, tmp_path, url, max_body_bytes=1024) as running,
        httpx.AsyncClient(timeout=120, trust_env=False) as client,
    ):
        before, watching = process.memory_info().rss, asyncio.create_task(watch())
        headers = {"content-length": str(UPLOAD * len(PIECE)), "x-api-key": "sk-ant-test"}
        received = 0
        async with client.stream(
            "POST", f"{running.url}/v1/files", content=pieces(), headers=headers
        ) as answer:
            assert answer.status_code == 200
            async for chunk in answer.aiter_raw():
                received += len(chunk)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    assert counts == [UPLOAD * len(PIECE)]
    assert received == DOWNLOAD * len(PIECE)
    assert max(sizes) - before < MOST_MORE
