"""A client of the running proxy."""

from collections.abc import AsyncGenerator

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from tests.support.proxy import Parts, RunningProxy
from tests.support.requests import client_of

_FORGET = text("""
DO $$ BEGIN
    IF to_regclass('claims') IS NOT NULL THEN DELETE FROM claims; END IF;
END $$
""")


@pytest.fixture
async def client(running: RunningProxy) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(running) as opened:
        yield opened


@pytest.fixture(autouse=True)
async def unclaimed(parts: Parts) -> None:
    """The tests share a database and many bodies: an answer that an earlier test left undelivered
    must not be given to a later one."""
    engine = create_async_engine(parts.database_url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.execute(_FORGET)
