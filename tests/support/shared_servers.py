"""One Postgres and one Temporal for a whole run of the suite, however many workers it has.

The process that pytest was called as (the controller) holds a lock in a directory of the run. The
first worker that needs the servers starts a *keeper*, ``python -m tests.support.shared_servers
DIRECTORY``. It starts them, and stops them when it gets that lock: when the controller has ended,
in whatever way.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from palimpsest.devstack import postgres
from palimpsest.devstack.orphans import find
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.process import tail
from palimpsest.devstack.temporal_dev import TemporalDev
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.file_lock import FileLock, exclusive, try_lock

ROOT = Path(__file__).parents[2]
STARTED_WITHIN = 100.0
"""Seconds; the servers take about three."""

STOPPED_WITHIN = 30.0
DIRECTORY = pytest.StashKey[Path]()
"""The run's, the same in all workers."""

WORKER = pytest.StashKey[str]()
"""A name for this worker."""

RUN_LOCK = "run.lock"
"""Held by the controller."""

KEEPER_LOCK = "keeper.lock"
ADDRESSES = "servers.json"
LOG = "keeper.log"

THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "500",
}
"""Nobody kills this server and looks what is left; the tests that do so have one of their own."""


class Servers(msgspec.Struct, frozen=True):
    """Where they are: the data directory of Postgres, host and port of Temporal."""

    data_dir: str = ""
    temporal_address: str = ""
    error: str = ""
    """Why they did not start."""


@dataclass(frozen=True)
class SharedTemporal:
    """``address`` is the host and port of the run's engine."""

    address: str


class SharedPostgres(EmbeddedPostgres):
    """The run's server, with a database of its own for each worker."""

    def __init__(self, data_dir: Path, database: str) -> None:
        super().__init__(data_dir)
        self.database = database

    @property
    def url(self) -> str:
        return self.url_of(self.database)

    async def make_database(self, template: str = "template1") -> str:
        """The URL of a new database, a copy of another one that nobody is connected to."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        async with self.connection("postgres") as connection:
            await connection.execute(
                text(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
            )
        return self.url_of(name)


class Run:
    """The controller's side: the run's directory, and the lock that says it lives."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="palimpsest-tests-"))
        lock = try_lock(self.directory / RUN_LOCK)
        assert isinstance(lock, FileLock)
        self._lock = lock

    def end(self) -> None:
        """Let the servers end, wait until they have, and remove what they leave."""
        self._lock.release()
        with suppress(TimeoutError, FileNotFoundError):
            asyncio.run(_keeper_gone(self.directory))
        shutil.rmtree(self.directory, ignore_errors=True)


def launch(directory: Path) -> subprocess.Popen[bytes] | None:
    """Have the servers started; the keeper, which is to be kept, or None where there is one."""
    try:
        (directory / LOG).touch(exist_ok=False)
    except FileExistsError:
        return None
    with (directory / LOG).open("ab") as log:
        return subprocess.Popen(
            (sys.executable, "-m", "tests.support.shared_servers", str(directory)),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            start_new_session=True,
        )


async def servers(directory: Path) -> Servers:
    """The run's servers once they answer. Raises StartupFailed."""
    file = directory / ADDRESSES
    with suppress(TimeoutError):
        async with asyncio.timeout(STARTED_WITHIN):
            while not file.exists():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.05)
        found = msgspec.json.decode(file.read_bytes(), type=Servers)
        if found.error:
            raise StartupFailed(found.error)
        return found
    raise StartupFailed(f"the tests' servers did not start: {tail(directory / LOG, 2000)}")


async def keep(directory: Path) -> None:
    """Run the servers until the run's lock is free, then remove all that they wrote."""
    postgres.SETTINGS.update(THROW_AWAY)
    data_dir = directory / "data"
    data_dir.mkdir()
    with await exclusive(directory / KEEPER_LOCK):
        try:
            server, temporal = EmbeddedPostgres(data_dir), TemporalDev(data_dir)
            await asyncio.gather(server.launch(), temporal.launch())
            await asyncio.gather(server.ready(), temporal.ready())
            _publish(directory, Servers(str(data_dir), temporal.address))
        except StartupFailed as error:
            _publish(directory, Servers(error=str(error)))
        try:
            (await exclusive(directory / RUN_LOCK)).release()
        finally:
            # Nothing has to be written down any more: their files go with them.
            for _, mark in find(data_dir, {}):
                mark.kill()
            shutil.rmtree(directory, ignore_errors=True)


def _publish(directory: Path, found: Servers) -> None:
    new = directory / f"{ADDRESSES}.new"
    new.write_bytes(msgspec.json.encode(found))
    new.replace(directory / ADDRESSES)


async def _keeper_gone(directory: Path) -> None:
    async with asyncio.timeout(STOPPED_WITHIN):
        (await exclusive(directory / KEEPER_LOCK)).release()


if __name__ == "__main__":
    asyncio.run(keep(Path(sys.argv[1])))
