"""A whole proxy process inside the test's own: real engine, real database, real HTTP."""

import asyncio
import socket
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from api.admission import Admission, build_admission
from api.app import build_app
from api.server import EdgeServer, edge_config
from palimpsest.runtime.errors import DatabaseUnavailable
from palimpsest.runtime.parts import Process
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.root import proxy_process
from palimpsest.store.postgres.database import Database


@dataclass(frozen=True, slots=True)
class RunningProxy:
    """``url`` answers; ``process`` is behind it; ``token`` opens the content routes."""

    url: str
    process: Process
    admission: Admission
    token: str


@dataclass(frozen=True, slots=True)
class Parts:
    """The servers that all tests of a session share."""

    temporal_address: str
    database_url: str


@asynccontextmanager
async def running_proxy(
    parts: Parts, data_dir: Path, upstream_url: str, **changes: Any
) -> AsyncGenerator[RunningProxy]:
    """A proxy with a task queue of its own, so that proxies of other tests leave it alone."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    port = int(listener.getsockname()[1])
    settings = Settings(
        **{  # pyright: ignore[reportArgumentType]
            "data_dir": data_dir,
            "port": port,
            "upstream_url": upstream_url,
            "temporal_address": parts.temporal_address,
            "database_url": parts.database_url,
            "task_queue": f"test-{uuid.uuid4().hex[:12]}",
            "drain_timeout": 2,
            # Else each would learn from the conversations of all other tests, with an index.
            "learning": "off",
            "intelligence": "off",
            **changes,
        }
    )
    async with proxy_process(settings) as process:
        admission = build_admission(settings)
        server = EdgeServer(edge_config(build_app(process, admission)))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            token = (data_dir / "token").read_text().strip()
            yield RunningProxy(f"http://127.0.0.1:{port}", process, admission, token)
        finally:
            server.should_exit = True
            await serving
    await _forget_doubts(parts)


async def _forget_doubts(parts: Parts) -> None:
    """Who closed has read it: the next test may send the same body."""
    database = Database(parts.database_url, timeout=5)
    with suppress(DatabaseUnavailable):
        await database.run(_ARRIVED)
    await database.close()


_ARRIVED = text("UPDATE requests SET delivered_at = now() WHERE delivered_at > now()")
