"""Fixtures: the run's real servers; for each test a database, a simulated provider, a proxy."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from harness.simulator import Simulator
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.migrate import migrate
from tests.support import shared_servers
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.shared_servers import Servers, SharedPostgres, SharedTemporal

pytest_plugins = ("tests.support.run_plugin",)


@pytest.fixture(scope="session")
async def servers(pytestconfig: pytest.Config) -> Servers:
    return await shared_servers.servers(pytestconfig.stash[shared_servers.DIRECTORY])


@pytest.fixture(scope="session")
async def postgres(servers: Servers, pytestconfig: pytest.Config) -> SharedPostgres:
    """The run's Postgres, with a database of this worker's own."""
    name = pytestconfig.stash[shared_servers.WORKER]
    server = SharedPostgres(Path(servers.data_dir), name)
    await server.ensure_database(name)
    return server


@pytest.fixture(scope="session")
def temporal(servers: Servers) -> SharedTemporal:
    return SharedTemporal(servers.temporal_address)


@pytest.fixture(scope="session")
def parts(postgres: SharedPostgres, temporal: SharedTemporal) -> Parts:
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


@pytest.fixture(scope="session")
async def template(postgres: SharedPostgres) -> str:
    """The name of a database with every table, to copy."""
    name = f"{postgres.database}_template"
    await postgres.ensure_database(name)
    database = Database(postgres.url_of(name), timeout=10)
    await migrate(database)
    await database.close()
    return name


@pytest.fixture
async def url(postgres: SharedPostgres, template: str) -> str:
    """A new database with every table."""
    return await postgres.make_database(template)


@pytest.fixture
async def database(url: str) -> AsyncGenerator[Database]:
    database = Database(url, timeout=10)
    yield database
    await database.close()
