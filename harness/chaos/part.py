"""A process of the stack under blows: struck, left down, brought up again until it is ready."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from harness.chaos.fault_schedule import Blow, Kind
from palimpsest.devstack.services import Service
from palimpsest.runtime.errors import StartupFailed

TERM_PATIENCE = {"edge": 12.0, "worker": 12.0, "redis": 5.0, "temporal": 10.0, "postgres": 5.0}
"""Seconds after SIGTERM until SIGKILL. Postgres then waits for its clients to leave: for ever."""

START_PATIENCE = 150.0
"""Each start has a limit of its own; a part may need another one that is down."""

_PAUSE = 0.5
_WATCH = 0.05


@dataclass(slots=True)
class Struck:
    """One blow as it happened, seconds since the epoch: ``over`` when the process was gone or
    went on, ``launched`` the last start of it, ``ready`` when it answered again."""

    part: str
    kind: Kind
    at: float
    over: float = 0.0
    launched: float = 0.0
    ready: float = 0.0


class Part:
    """One service; ``struck`` has its blows, ``deaths`` what it did by itself, and should not."""

    def __init__(self, name: str, service: Service) -> None:
        self.name = name
        self.role = name.partition("-")[0]
        self.service = service
        self.struck: list[Struck] = []
        self.deaths: list[str] = []
        self._launched = 0.0

    async def up(self) -> None:
        """Start it, again and again, until it is ready. Raises TimeoutError."""
        async with asyncio.timeout(START_PATIENCE):
            while not await self._starts():  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(_PAUSE)

    async def _starts(self) -> bool:
        self._launched = time.time()
        try:
            await self.service.launch()
            await self.service.ready()
        except StartupFailed:
            if self.service.child.status is None:
                await self.service.child.stop(signal.SIGKILL, 1)
            return False
        return True

    async def suffer(self, coming: Iterator[Blow], end: asyncio.Event) -> None:
        """Blow after blow until ``end`` is set; it is up again when this returns."""
        for blow in coming:
            if await self._healthy_for(blow.wait, end):
                break
            struck = Struck(self.name, blow.kind, time.time())
            self.struck.append(struck)
            await self._strike(blow, struck, end)
            struck.launched, struck.ready = self._launched, time.time()

    async def _strike(self, blow: Blow, struck: Struck, end: asyncio.Event) -> None:
        child = self.service.child
        if blow.kind == "stop":
            os.kill(child.mark.pid, signal.SIGSTOP)
            await _within(blow.down, end)
            os.kill(child.mark.pid, signal.SIGCONT)
            struck.over = time.time()
            return
        name = signal.SIGKILL if blow.kind == "kill" else signal.SIGTERM
        await child.stop(name, TERM_PATIENCE[self.role])
        struck.over = time.time()
        await _within(blow.down, end)
        await self.up()

    async def _healthy_for(self, seconds: float, end: asyncio.Event) -> bool:
        """True when ``end`` came first; one that ends by itself meanwhile is started again."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not end.is_set():
            if self.service.child.status is not None:
                status = self.service.child.status
                self.deaths.append(f"{self.name} ended by itself with status {status}")
                await self.up()
            await _within(min(left, _WATCH), end)
        return end.is_set()


async def _within(seconds: float, end: asyncio.Event) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await end.wait()
