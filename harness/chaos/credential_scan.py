"""A search for credentials wherever the stack may have left them."""

import asyncio
import base64
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

from sqlalchemy import text

from palimpsest.store.postgres.capture import unpack
from palimpsest.store.postgres.database import Database

_LOOK_INTERVAL = 0.2


def forms(secret: str) -> list[bytes]:
    """How a string may be written: as it is, in hex, in base64 at each of its three offsets."""
    plain = secret.encode()
    shifted = [base64.b64encode(b"\0" * skip + plain)[4:-4] for skip in range(3)]
    return [plain, plain.hex().encode(), *shifted]


def find_in_files(directory: Path, secrets: Sequence[str]) -> list[str]:
    """The files that hold one: database files, write-ahead log, the engine's, logs."""
    found: list[str] = []
    for path in sorted(directory.rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file() and _holds(path.read_bytes(), secrets):
                found.append(f"credential in {path.relative_to(directory)}")
    return found


async def find_in_tables(database: Database, secrets: Sequence[str]) -> list[str]:
    """The tables that hold one, where Postgres or we compressed it out of a plain file's sight."""
    names = await database.run(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
    )
    found: list[str] = []
    for name in (row["tablename"] for row in names):
        rows = await database.run(text(f'SELECT t::text AS line FROM "{name}" t'))
        if any(_holds(row["line"].encode(), secrets) for row in rows):
            found.append(f"credential in table {name}")
    blobs = await database.run(text("SELECT codec, data FROM blobs"))
    contents = (unpack(blob["codec"], blob["data"]) for blob in blobs)
    return found + ["credential in a blob" for content in contents if _holds(content, secrets)]


class SpillWatch:
    """Looks into the spilled ends while they are there; ``found`` as `find_in_files`."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    @classmethod
    @asynccontextmanager
    async def running(cls, directory: Path, secrets: Sequence[str]) -> AsyncGenerator[Self]:
        watch = cls()

        async def watch_directory() -> None:
            while True:
                watch.found.update(find_in_files(directory, secrets))
                await asyncio.sleep(_LOOK_INTERVAL)

        task = asyncio.create_task(watch_directory())
        try:
            yield watch
        finally:
            task.cancel()


def _holds(content: bytes, secrets: Sequence[str]) -> bool:
    return any(form in content for secret in secrets for form in forms(secret))
