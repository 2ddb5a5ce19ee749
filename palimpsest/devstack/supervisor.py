"""``palimpsest up``: the one supervisor of a data directory.

It holds the lock, stops what an earlier start left behind, starts the children in sessions of
their own, starts the dead again, and stops all in the order edge, Temporal, Postgres.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from palimpsest.devstack import data_dir as directory
from palimpsest.devstack import edge as edge_child
from palimpsest.devstack import orphans, state
from palimpsest.devstack.announcement import announcement, context_line
from palimpsest.devstack.edge import EdgeEnded
from palimpsest.devstack.ports import holder_of, is_free
from palimpsest.devstack.progress import Say, announced, say
from palimpsest.devstack.services import (
    Service,
    Stack,
    WrongSetting,
    compose,
)
from palimpsest.devstack.signals import Stopping
from palimpsest.devstack.warden import WARDEN
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.file_lock import FileLock, try_lock
from palimpsest.runtime.process_mark import Mark
from palimpsest.runtime.settings import EXIT_BAD_SETTING, Settings

EXIT_FAILED = 1
EXIT_INTERRUPTED = 130
STEADY = 30.0
"""Seconds after which a child counts as well again."""


def backoff(failures: int) -> float:
    """Seconds before a child is started again after so many ends in a row: 0.1 to 10."""
    return min(10.0, 0.1 * 2 ** min(failures, 10))


async def up(
    settings: Settings,
    *,
    edge_command: Sequence[str] = edge_child.COMMAND,
    report: Say = say,
) -> int:
    """Run the stack in the foreground until a signal; the exit status."""
    try:
        data_dir = directory.prepare(settings.data_dir)
        with _claim(data_dir):
            supervisor = Supervisor(settings, data_dir, edge_command, report)
            return await supervisor.run()
    except EdgeEnded as error:
        if error.code in {EXIT_FAILED, EXIT_BAD_SETTING}:
            return error.code
        report(f"palimpsest: {error}")
    except WrongSetting as error:
        report(f"palimpsest: {error}")
        return EXIT_BAD_SETTING
    except (StartupFailed, OSError) as error:
        report(f"palimpsest: {error}")
    return EXIT_FAILED


class Supervisor:
    def __init__(
        self, settings: Settings, data_dir: Path, edge_command: Sequence[str], report: Say
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._edge_command = edge_command
        self._say = report
        self._state = state.load(data_dir)
        self._stopping = Stopping()
        self._services: dict[str, Service] = {}
        self._was_ready = False

    async def run(self) -> int:
        with self._stopping.on_signals():
            try:
                await self._stopping.unless(self._start())
                await self._stopping.unless(self._keep_all())
            finally:
                await self._stop_all()
                WARDEN.dismiss()
        return 0 if self._was_ready else EXIT_INTERRUPTED

    async def _start(self) -> None:
        drain = self._settings.drain_timeout + 5
        await orphans.stop(self._data_dir, self._state.children, drain, self._say)
        self._state.children.clear()
        _check_port(self._settings.host, self._settings.port)
        stack = compose(self._settings, self._data_dir, self._state, self._say, self._edge_command)
        self._services = stack.services
        for role, service in stack.services.items():
            async with announced(f"starting {role}", self._say):
                await self._launch(role, service)
                await service.ready()
        self._was_ready = True
        self._announce(stack)

    async def _launch(self, role: str, service: Service) -> None:
        await service.launch()
        self._state.record(role, service.child.mark, service.ports)
        self._save()

    async def _keep_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            for role, service in self._services.items():
                group.create_task(self._keep(role, service))

    async def _keep(self, role: str, service: Service) -> None:
        """Start a child again whenever it ends, on the same ports, so that others reconnect."""
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            began = loop.time()
            status = await service.child.wait()
            failures = 0 if loop.time() - began > STEADY else failures + 1
            self._say(f"palimpsest: {role} ended ({_described(status)}); starting it again")
            await asyncio.sleep(backoff(failures))
            try:
                await self._launch(role, service)
            except (StartupFailed, OSError) as error:
                self._say(f"palimpsest: {role}: {error}")

    async def _stop_all(self) -> None:
        for role, service in reversed(self._services.items()):
            async with announced(f"stopping {role} (Ctrl-C again: at once)", self._say):
                await self._stop(service)
            self._state.children.pop(role, None)
            self._save()

    async def _stop(self, service: Service) -> None:
        """Give it its time; hurried, kill it. Postgres recovers from that by its log."""
        work = asyncio.ensure_future(service.stop())
        if not await self._stopping.unless_hurried(work):
            service.child.mark.kill()
        await work

    def _save(self) -> None:
        self._state.supervisor = Mark.this()
        try:
            state.save(self._data_dir, self._state)
        except OSError as error:
            self._say(f"palimpsest: {self._data_dir}: {error.strerror}")

    def _announce(self, stack: Stack) -> None:
        with suppress(OSError):
            line = context_line(self._settings)
            sys.stdout.write(announcement(self._data_dir, stack, line))
            sys.stdout.flush()


def _claim(data_dir: Path) -> FileLock:
    lock = try_lock(data_dir / "up.lock")
    if isinstance(lock, int):
        raise StartupFailed(f"{data_dir} is in use by pid {lock}; set PALIMPSEST_DATA_DIR")
    return lock


def _check_port(host: str, port: int) -> None:
    try:
        free = is_free(port, host)
    except PermissionError as error:
        raise StartupFailed(f"port {port} is for root only; set PALIMPSEST_PORT") from error
    except OSError as error:
        raise WrongSetting(f"PALIMPSEST_HOST={host}: {error.strerror}") from error
    if not free:
        holder = holder_of(port)
        by = f" by {holder}" if holder else ""
        raise StartupFailed(f"port {port} on {host} is taken{by}; set PALIMPSEST_PORT")


def _described(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    return signal.Signals(-status).name
