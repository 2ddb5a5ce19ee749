"""A client of the running proxy."""

from collections.abc import AsyncGenerator

import httpx
import pytest

from tests.asking import client_of
from tests.running import RunningProxy


@pytest.fixture
async def client(running: RunningProxy) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(running) as opened:
        yield opened
