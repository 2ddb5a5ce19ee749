"""A tiny edge for the supervisor's tests; it keeps the contract of ``palimpsest serve``.

``/readyz`` queries the database and the engine, ``/slow`` answers after two seconds, SIGTERM
lets running requests finish. ``STAND_IN=wrong|broken`` ends with status 2 or 1 and one line.
"""

import asyncio
import os
import signal
import sys

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from settings import Settings
from stack.temporal_ready import answers

settings = Settings()  # pyright: ignore[reportCallIssue]
running: set[asyncio.Task[None]] = set()


async def database_answers() -> bool:
    engine = create_async_engine(settings.database_url or "", poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.scalar(text("SELECT 1")) == 1
    except (OSError, SQLAlchemyError, asyncpg.PostgresError):
        return False
    finally:
        await engine.dispose()


async def answer(path: str) -> tuple[int, str]:
    if path == "/slow":
        await asyncio.sleep(2)
        return 200, "slow but whole"
    if path == "/pid":
        return 200, str(os.getpid())
    if not await database_answers():
        return 503, "database"
    if not await answers(settings.temporal_address or "", settings.temporal_namespace):
        return 503, "engine"
    return 200, "ready"


async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = asyncio.current_task()
    assert request is not None
    running.add(request)
    request.add_done_callback(running.discard)
    head = await reader.readuntil(b"\r\n\r\n")
    status, body = await answer(head.split(b" ")[1].decode())
    writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n".encode())
    writer.write(f"connection: close\r\n\r\n{body}".encode())
    await writer.drain()
    writer.close()


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(serve_one, settings.host, settings.port)
    await stop.wait()
    server.close()
    if running:
        await asyncio.wait(running)


if __name__ == "__main__":
    failure = {"wrong": 2, "broken": 1}.get(os.environ.get("STAND_IN", ""))  # noqa: TID251
    if failure:
        sys.stderr.write("palimpsest: the stand-in refuses\n")
        raise SystemExit(failure)
    asyncio.run(main())
