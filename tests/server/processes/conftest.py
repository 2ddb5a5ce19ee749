"""One installation for all tests here; each test finds it whole and its provider quiet."""

import uuid
from collections.abc import AsyncGenerator

import pytest
from sqlalchemy import text

from harness.simulator import Pace, Simulator
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.store.postgres.database import Database
from tests.support.installation import Installation, installation
from tests.support.proxy import Parts
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="session")
async def installed(
    parts: Parts, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Installation]:
    name = f"multi_{uuid.uuid4().hex[:8]}"
    database = Database(parts.database_url, 10)
    await database.run(text(f"CREATE DATABASE {name}"))
    await database.close()
    env = {
        "TEMPORAL_ADDRESS": parts.temporal_address,
        "DATABASE_URL": postgres.url_of(name),
        "PALIMPSEST_TASK_QUEUE": name,
    }
    async with (
        RedisServer.running(tmp_path_factory.mktemp("redis")) as redis,
        Simulator.serve() as upstream,
        installation(tmp_path_factory.mktemp("multi"), redis, upstream, env) as running,
    ):
        yield running


@pytest.fixture
async def multi(installed: Installation) -> Installation:
    upstream = installed.upstream
    upstream.app.pace = Pace()
    upstream.faults.clear()
    upstream.log.reset()
    await installed.whole()
    return installed
