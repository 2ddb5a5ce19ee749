"""Every place where something of a request may have been left, as bytes to look through."""

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path

from sqlalchemy import text

from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.store.postgres.capture import unpack
from tests.support.engine_histories import engine
from tests.support.supervisor import Up

Place = tuple[str, bytes]


def forms(secret: str) -> list[bytes]:
    """How a string may be written: as it is, in hex, in base64 at each of its three offsets."""
    plain = secret.encode()
    shifted = [base64.b64encode(b"\0" * skip + plain)[4:-4] for skip in range(3)]
    return [plain, plain.hex().encode(), *shifted]


async def where(up: Up, secret: str, *outputs: str) -> list[str]:
    """The names of the places that hold ``secret`` in any form."""
    wanted = forms(secret)
    async with aclosing(everywhere(up, outputs)) as places:
        return [name async for name, held in places if any(form in held for form in wanted)]


async def everywhere(up: Up, outputs: tuple[str, ...]) -> AsyncGenerator[Place]:
    """Files, what processes wrote, tables, blobs and workflow histories."""
    for place in _files(up.data_dir):
        yield place
    yield "output of `up`", up.output.read_bytes()
    for number, output in enumerate(outputs):
        yield f"output {number}", output.encode()
    async for place in _tables(up.data_dir):
        yield place
    async for place in _histories(up.data_dir):
        yield place


def _files(data_dir: Path) -> Iterator[Place]:
    """Database files, write-ahead log, the engine's database and its log, logs, state."""
    for path in sorted(data_dir.rglob("*")):
        with suppress(FileNotFoundError):
            if path.is_file():
                yield str(path.relative_to(data_dir)), path.read_bytes()


async def _tables(data_dir: Path) -> AsyncIterator[Place]:
    async with EmbeddedPostgres(data_dir).connection() as database:
        names = await database.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        )
        for name in names.all():
            rows = await database.scalars(text(f'SELECT t::text FROM "{name}" t'))
            yield f"table {name}", "\n".join(rows.all()).encode()
        for blob in await database.execute(text("SELECT codec, data FROM blobs")):
            yield "blob", unpack(blob.codec, blob.data)


async def _histories(data_dir: Path) -> AsyncIterator[Place]:
    client = await engine(data_dir)
    async for run in client.list_workflows():
        history = await client.get_workflow_handle(run.id).fetch_history()
        yield f"history {run.id}", b"".join(event.SerializeToString() for event in history.events)
