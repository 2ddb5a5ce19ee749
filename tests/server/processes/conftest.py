"""One installation for all tests here; each test finds it whole and its provider quiet."""

import uuid
from collections.abc import AsyncGenerator

import pytest

from harness.simulator import Pace, Simulator
from tests.support.installation import Installation, installation
from tests.support.proxy import Parts
from tests.support.redis_server import RedisServer
from tests.support.shared_servers import SharedPostgres


@pytest.fixture(scope="session")
async def installed(
    parts: Parts, postgres: SharedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Installation]:
    env = {
        "TEMPORAL_ADDRESS": parts.temporal_address,
        "DATABASE_URL": await postgres.make_database(),
        "PALIMPSEST_TASK_QUEUE": f"installed-{uuid.uuid4().hex[:8]}",
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
