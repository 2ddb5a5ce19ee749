"""A tiny edge for the supervisor's tests; it keeps the contract of ``palimpsest serve``.

``/slow`` answers after two seconds, every other path at once; SIGTERM lets running requests
finish. ``STAND_IN=wrong|broken`` ends with status 2 or 1 and one line.
"""

import asyncio
import os
import signal
import sys

running: set[asyncio.Task[None]] = set()


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = asyncio.current_task()
    assert request is not None
    running.add(request)
    request.add_done_callback(running.discard)
    head = await reader.readuntil(b"\r\n\r\n")
    body = "ready"
    if head.startswith(b"GET /slow "):
        await asyncio.sleep(2)
        body = "slow but whole"
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n".encode())
    writer.write(f"connection: close\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()


async def main(host: str, port: int) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(serve_one, host, port)
    await stop.wait()
    server.close()
    if running:
        await asyncio.wait(running)


if __name__ == "__main__":
    env = dict(os.environ)  # noqa: TID251
    assert env["DATABASE_URL"].startswith("postgresql+asyncpg://")
    assert env["TEMPORAL_ADDRESS"].startswith("127.0.0.1:")
    if failure := {"wrong": 2, "broken": 1}.get(env.get("STAND_IN", "")):
        sys.stderr.write("palimpsest: the stand-in refuses\n")
        raise SystemExit(failure)
    asyncio.run(main(env["PALIMPSEST_HOST"], int(env["PALIMPSEST_PORT"])))
