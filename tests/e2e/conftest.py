"""One `palimpsest up` for all end-to-end tests that leave it standing, and its real clients."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from harness.simulator import Pace, Simulator
from tests.support import claude_code
from tests.support.claude_code import ClaudeCode
from tests.support.engine_histories import forget
from tests.support.supervisor import Up
from tests.support.tap import Tap
from tests.support.traffic import answered, renew
from tests.support.whole_stack import until_ready, whole


@pytest.fixture(scope="session")
async def provider() -> AsyncGenerator[Simulator]:
    async with Simulator.serve() as simulator:
        yield simulator


@pytest.fixture
def upstream(provider: Simulator) -> Generator[Simulator]:
    """The session's provider, as if new."""
    renew(provider)
    yield provider
    provider.app.pace = Pace()
    provider.faults.clear()


@pytest.fixture(scope="session")
async def shared_up(
    provider: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Up]:
    data_dir = tmp_path_factory.mktemp("e2e") / "data"
    async with whole(data_dir, provider.url) as up:
        yield up


@pytest.fixture(scope="session")
async def forgotten(shared_up: Up) -> str:
    """A request whose history is being deleted, from the start on, since that takes its time."""
    request_id = await answered(shared_up, "to be forgotten")
    await forget(shared_up, request_id)
    return request_id


@pytest.fixture
async def up(shared_up: Up, forgotten: str) -> Up:
    """The session's stack, ready."""
    await until_ready(shared_up)
    return shared_up


@pytest.fixture
async def tap(up: Up) -> AsyncGenerator[Tap]:
    async with Tap.before(up.port) as tap:
        yield tap


@pytest.fixture(scope="session")
async def claude_program() -> Path:
    try:
        return await claude_code.installed()
    except claude_code.Missing as error:
        pytest.skip(str(error))


@pytest.fixture
def claude(claude_program: Path, tmp_path: Path) -> ClaudeCode:
    return ClaudeCode(claude_program, tmp_path / "user")
