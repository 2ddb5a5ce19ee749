"""The measured window of a closed loop: warm-up first, then samples, then the drain."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from harness.bench.job import (
    DRAIN_LIMIT,
    EXTENSION_LIMIT,
    WARM_UP_LIMIT,
    Job,
    Outcome,
)

Once = Callable[[int, int], Awaitable["Timing"]]
"""Sends request ``number`` of ``client`` and returns its timing, or raises ``RequestFailed``."""


class RequestFailed(Exception):
    """An answer that is wrong, cut or missing."""


class Timing:
    """When a request's first body byte and its end came, by ``time.perf_counter``."""

    __slots__ = ("ended", "first_byte", "started")

    def __init__(self) -> None:
        self.started = time.perf_counter()
        self.first_byte = 0.0
        self.ended = 0.0


class Window:
    """Runs ``clients`` closed loops and keeps the timings that end inside the window. The rate is
    that of all that was finished since its opening, so that nothing is left over for free."""

    def __init__(self, job: Job, once: Once) -> None:
        self._job = job
        self._once = once
        self._outcome = Outcome()
        self._opened = 0.0
        self._stopped = False
        self._wanted = 0
        self._warm: set[int] = set()
        self._all_warm = asyncio.Event()
        self._enough = asyncio.Event()

    async def run(self) -> Outcome:
        cpu = time.process_time()
        self._outcome.began = time.time()
        clients = [asyncio.create_task(self._client(number)) for number in range(self._job.clients)]
        began = time.perf_counter()
        try:
            async with asyncio.timeout(WARM_UP_LIMIT):
                await self._all_warm.wait()
        except TimeoutError:
            pass  # slow targets are measured half warm rather than not at all
        await self._wait(self._job.warm_up - (time.perf_counter() - began))
        self._opened = time.perf_counter()
        self._outcome.opened = time.time()
        await self._wait(self._job.seconds)
        await self._until_samples()
        self._outcome.window = time.perf_counter() - self._opened
        self._stopped = True
        _, late = await asyncio.wait(clients, timeout=DRAIN_LIMIT)
        for task in late:
            task.cancel()
            self._outcome.failures.append(f"no answer {DRAIN_LIMIT:.0f} s after the window")
        self._outcome.cpu_seconds = time.process_time() - cpu
        return self._outcome

    async def _until_samples(self) -> None:
        """A window shorter than two rounds of answers would measure chance."""
        self._wanted = 2 * self._job.clients
        if len(self._outcome.total_ms) < self._wanted:
            await self._wait(EXTENSION_LIMIT)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._enough.wait()
        except TimeoutError:
            pass

    async def _client(self, client: int) -> None:
        number = 0
        while not self._stopped:
            try:
                self._record(await self._once(client, number))
            except RequestFailed as failure:
                self._outcome.failures.append(str(failure))
                if len(self._outcome.failures) >= 100:
                    self._stopped = True
                    self._enough.set()
                await asyncio.sleep(0.05)  # a dead target must not be hammered
            number += 1
            self._warm.add(client)
            if len(self._warm) == self._job.clients:
                self._all_warm.set()

    def _record(self, timing: Timing) -> None:
        self._outcome.requests += 1
        if self._opened:
            self._outcome.finished += 1
            self._outcome.took = timing.ended - self._opened
        if self._opened and not self._stopped:
            self._outcome.ttfb_ms.append((timing.first_byte - timing.started) * 1000)
            self._outcome.total_ms.append((timing.ended - timing.started) * 1000)
        limit = self._job.max_requests
        if limit is not None and self._outcome.requests >= limit:
            self._stopped = True
            self._enough.set()
        if self._wanted and len(self._outcome.total_ms) >= self._wanted:
            self._enough.set()
