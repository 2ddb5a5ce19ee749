"""A Redis for the tests of a module."""

from collections.abc import AsyncGenerator

import pytest

from palimpsest.store.redis.streams import Streams
from tests.support.redis_server import RedisServer


@pytest.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[RedisServer]:
    async with RedisServer.running(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def streams(redis: RedisServer) -> AsyncGenerator[Streams]:
    made = Streams(redis.url)
    yield made
    await made.close()
