"""Fixtures: the real servers once a session, a simulated provider and a proxy for each test."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from stack.postgres import EmbeddedPostgres
from stack.temporal_dev import TemporalDev
from tests.running import Parts, RunningProxy, running_proxy
from tests.upstream import Simulator


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
