"""A child process in a session of its own, and how any process we once started is ended.

A *mark* is a pid with its start time: a pid alone is reused, the two together are not.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

import psutil

from palimpsest.runtime import settings

CLOCK_SLACK = 5.0
"""Seconds a start time may differ: it is computed from the wall clock, which NTP moves."""


@dataclass(frozen=True)
class Mark:
    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> Self:
        """Raises psutil.NoSuchProcess."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def this(cls) -> Self:
        return cls.of(os.getpid())

    def process(self) -> psutil.Process | None:
        """The process this mark was taken of, or None once it is gone (a zombie is gone)."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            same = abs(process.create_time() - self.started) < CLOCK_SLACK
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    async def gone(self, patience: float) -> bool:
        """Wait up to ``patience`` seconds for the end of a process, also of one not our child."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + patience
        while self.process() is not None:
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(0.02)
        return True

    async def stop(self, first: signal.Signals, patience: float) -> None:
        """Send ``first``, SIGKILL after ``patience`` seconds; return when it is gone."""
        if (process := self.process()) is None:
            return
        with suppress(psutil.NoSuchProcess):
            process.send_signal(first)
        if not await self.gone(patience):
            self.kill()
            await self.gone(10)

    def kill(self) -> None:
        """SIGKILL to the process and to its group, where it leads one."""
        if self.process() is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if os.getpgid(self.pid) == self.pid:
                os.killpg(self.pid, signal.SIGKILL)
            else:
                os.kill(self.pid, signal.SIGKILL)


class Child:
    """A running child; ``mark`` names it, ``log`` is the file its output goes to."""

    def __init__(self, process: asyncio.subprocess.Process, mark: Mark, log: Path | None) -> None:
        self._process = process
        self.mark = mark
        self.log = log

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
        cwd: Path | None = None,
    ) -> Self:
        """Start ``command`` in a new session; without ``log`` it inherits stdout and stderr.

        Raises OSError when the program cannot be started.
        """
        output: IO[bytes] | None = open_log(log) if log else None
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=settings.child_environment(env or {}),
                cwd=cwd,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        try:
            mark = Mark.of(process.pid)
        except psutil.NoSuchProcess:
            mark = Mark(process.pid, 0.0)
        return cls(process, mark, log)

    @classmethod
    async def run(
        cls,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        log: Path,
        cwd: Path | None = None,
    ) -> Self:
        """Start ``command`` and wait for its end; cancelled, it is killed."""
        child = await cls.spawn(command, env=env, log=log, cwd=cwd)
        try:
            await child.wait()
        except asyncio.CancelledError:
            child.mark.kill()
            await child.wait()
            raise
        return child

    @property
    def status(self) -> int | None:
        """The exit status; negative: the signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    async def stop(self, first: signal.Signals, patience: float) -> int:
        """Send ``first``, SIGKILL after ``patience`` seconds; the exit status."""
        if self.status is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(first)
            try:
                await asyncio.wait_for(self.wait(), patience)
            except TimeoutError:
                self.mark.kill()
        return await self.wait()

    def last_words(self) -> str:
        """The last line of the log, for a message on the terminal."""
        if self.log is None:
            return ""
        lines = [line for line in tail(self.log).splitlines() if line.strip()]
        return lines[-1].strip()[-500:] if lines else ""


LOG_CAP = 10 * 1024 * 1024


def open_log(path: Path) -> IO[bytes]:
    """Open for appending; a log over 10 MB begins anew, the former one kept as ``.1``."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(FileNotFoundError):
        if path.stat().st_size > LOG_CAP:
            path.replace(path.with_name(f"{path.name}.1"))
    return path.open("ab")


def tail(path: Path, size: int = 8192) -> str:
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - size))
        return file.read().decode(errors="replace")
    return ""
