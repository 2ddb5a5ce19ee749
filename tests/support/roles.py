"""An edge and a worker in the test's own process, for what real processes do not show."""

import base64
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from palimpsest.runtime.parts import Process
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.root import proxy_process
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.redis_server import RedisServer

KEY = base64.b64encode(bytes(32)).decode()


class Roles:
    """Starts processes that share Redis, a queue, and a vault key."""

    def __init__(self, parts: Parts, redis: RedisServer, directory: Path, url: str) -> None:
        self._parts = parts
        self._directory = directory
        self._url = url
        self._shared = {
            "redis_url": redis.url,
            "task_queue": f"roles-{uuid.uuid4().hex[:12]}",
            "vault_key": KEY,
        }

    @asynccontextmanager
    async def edge(self, **changes: Any) -> AsyncGenerator[RunningProxy]:
        changes = {**self._shared, **changes}
        async with running_proxy(self._parts, self._new(), self._url, **changes) as running:
            yield running

    @asynccontextmanager
    async def worker(self, **changes: Any) -> AsyncGenerator[Process]:
        settings = Settings(
            **{  # pyright: ignore[reportArgumentType]
                "data_dir": self._new(),
                "upstream_url": self._url,
                "temporal_address": self._parts.temporal_address,
                "database_url": self._parts.database_url,
                "drain_timeout": 2,
                **self._shared,
                **changes,
            }
        )
        async with proxy_process(settings, edge=False) as process:
            yield process

    def _new(self) -> Path:
        made = self._directory / uuid.uuid4().hex
        made.mkdir(mode=0o700)
        return made
