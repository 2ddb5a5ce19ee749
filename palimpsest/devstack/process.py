"""A child process in a session of its own, and how any process we once started is ended."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, ClassVar, Self

import psutil

from palimpsest.devstack.warden import WARDEN
from palimpsest.runtime import settings
from palimpsest.runtime.process_mark import Mark


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
        """Start ``command`` in a new session; without ``log`` it inherits stdout and stderr. It
        ends when this process does.

        Raises OSError when the program cannot be started.
        """
        output: IO[bytes] | None = open_log(log) if log else None
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=settings.child_environment(WARDEN.watched(env or {})),
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


class ChildService:
    """A service that is one child process, launched again and again.

    ``stop`` sends ``STOP``, and SIGKILL after ``patience`` seconds.
    """

    STOP: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        assert self._child is not None, "not started"
        return self._child

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop(self.STOP, self._patience)
