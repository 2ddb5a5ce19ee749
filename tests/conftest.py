"""Fixtures: the real servers once a session; for each test a database, a simulated provider, a
proxy.
"""

import uuid
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from harness.simulator import Simulator
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_dev import TemporalDev
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.migrate import migrate
from tests.support.proxy import Parts, RunningProxy, running_proxy


@pytest.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[EmbeddedPostgres]:
    async with EmbeddedPostgres.running(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[TemporalDev]:
    async with TemporalDev.running(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(scope="session")
def parts(postgres: EmbeddedPostgres, temporal: TemporalDev) -> Parts:
    return Parts(temporal.address, postgres.url)


@pytest.fixture
async def upstream() -> AsyncGenerator[Simulator]:
    async with Simulator.serve() as simulator:
        yield simulator


@pytest.fixture
async def running(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> AsyncGenerator[RunningProxy]:
    """A proxy with default settings in front of the simulator."""
    async with running_proxy(parts, tmp_path, upstream.url) as proxy:
        yield proxy


@pytest.fixture
async def url(postgres: EmbeddedPostgres) -> str:
    """An empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    await postgres.ensure_database(name)
    return postgres.url_of(name)


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    database = Database(url, timeout=10)
    await migrate(database)
    yield database
    await database.close()
