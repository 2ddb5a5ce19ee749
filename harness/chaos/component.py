"""One process of the stack: takes faults, stays down for a while, is started again until ready."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from harness.chaos.fault_schedule import FaultKind, PlannedFault
from palimpsest.devstack.services import Service
from palimpsest.runtime.errors import StartupFailed

TERM_TIMEOUT = {"edge": 12.0, "worker": 12.0, "redis": 5.0, "temporal": 10.0, "postgres": 5.0}
"""Seconds after SIGTERM until SIGKILL. Postgres then waits for its clients to leave: for ever."""

START_TIMEOUT = 150.0
"""Seconds. Each start has a limit of its own; a component may need another that is down."""

_RETRY_PAUSE = 0.5
_WATCH_INTERVAL = 0.05


@dataclass(slots=True)
class Fault:
    """A fault as it happened. Times are seconds since the epoch."""

    component: str
    """Such as `edge` or `edge-2`."""
    kind: FaultKind
    at: float
    over: float = 0.0
    """When the process was gone, or went on after a stop."""
    launched: float = 0.0
    """The last start of the process."""
    ready: float = 0.0
    """When it answered again."""


class Component:
    """One service with ``faults``, those injected, and ``deaths``, its unexpected ends."""

    def __init__(self, name: str, service: Service) -> None:
        self.name = name
        self.role = name.partition("-")[0]
        self.service = service
        self.faults: list[Fault] = []
        self.deaths: list[str] = []
        self._launched = 0.0

    async def start(self) -> None:
        """Launch it, again and again, until it is ready. Raises TimeoutError."""
        async with asyncio.timeout(START_TIMEOUT):
            while not await self._try_start():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_RETRY_PAUSE)

    async def _try_start(self) -> bool:
        self._launched = time.time()
        try:
            await self.service.launch()
            await self.service.ready()
        except StartupFailed:
            if self.service.child.status is None:
                await self.service.child.stop(signal.SIGKILL, 1)
            return False
        return True

    async def inject_faults(self, planned: Iterator[PlannedFault], end: asyncio.Event) -> None:
        """Fault after fault until ``end`` is set; it is up again when this returns."""
        for fault in planned:
            if await self._wait_healthy(fault.wait, end):
                break
            record = Fault(self.name, fault.kind, time.time())
            self.faults.append(record)
            await self._inject(fault, record, end)
            record.launched, record.ready = self._launched, time.time()

    async def _inject(self, fault: PlannedFault, record: Fault, end: asyncio.Event) -> None:
        child = self.service.child
        if fault.kind is FaultKind.STOP:
            os.kill(child.mark.pid, signal.SIGSTOP)
            await _wait_at_most(fault.down, end)
            os.kill(child.mark.pid, signal.SIGCONT)
            record.over = time.time()
            return
        name = signal.SIGKILL if fault.kind is FaultKind.KILL else signal.SIGTERM
        await child.stop(name, TERM_TIMEOUT[self.role])
        record.over = time.time()
        await _wait_at_most(fault.down, end)
        await self.start()

    async def _wait_healthy(self, seconds: float, end: asyncio.Event) -> bool:
        """True when ``end`` came first; one that ends by itself meanwhile is started again."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not end.is_set():
            if self.service.child.status is not None:
                status = self.service.child.status
                self.deaths.append(f"{self.name} ended by itself with status {status}")
                await self.start()
            await _wait_at_most(min(left, _WATCH_INTERVAL), end)
        return end.is_set()


async def _wait_at_most(seconds: float, end: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await end.wait()
