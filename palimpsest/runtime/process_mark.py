"""One process by its *mark*: a pid with its start time. A pid alone is reused, the two are not."""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import psutil

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
