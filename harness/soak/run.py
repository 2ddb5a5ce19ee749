"""One soak: a stack of its own, visitors for a time, calm, and what was found."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from harness.chaos.ledger import open_requests
from harness.chaos.stack import Stack, left_running, running_stack
from harness.soak.visitors import Visitors
from palimpsest.store.postgres.database import Database

SETTLING_SECONDS = 120.0
_SAMPLE_SECONDS = 2.0
_GROWTH_SHARE = 0.15
_GROWTH_BYTES = 48 * 1024 * 1024
"""What the allocator may keep besides."""
_PACES = (
    {"text_chars": 400, "delta_chars": 40, "between_events": 0.01},
    {"text_chars": 60_000, "delta_chars": 400, "between_events": 0.002},
    {"text_chars": 1_000_000, "delta_chars": 20_000, "between_events": 0.0},
)
_FAULTS = [*[{"kind": "gzip"}] * 14, {"kind": "status", "status": 529}, {"kind": "reset"}]
"""Mostly compressed answers: a failure is tried again, and four in a row are the provider's."""


@dataclass(slots=True)
class Soak:
    """What was found. ``memory``: resident bytes of the edge, one sample each two seconds."""

    seconds: float
    counts: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])
    memory: list[int] = field(default_factory=list[int])

    def growth(self) -> int:
        """Bytes by which the last quarter's median is over the second quarter's."""
        quarter = len(self.memory) // 4
        if not quarter:
            return 0
        early, late = self.memory[quarter : 2 * quarter], self.memory[-quarter:]
        return _median(late) - _median(early)

    def is_flat(self) -> bool:
        """Whether memory stayed where it was once the first quarter had warmed it up."""
        base = _median(self.memory[len(self.memory) // 4 : len(self.memory) // 2] or [0])
        return self.growth() <= max(_GROWTH_BYTES, _GROWTH_SHARE * base)


async def soak(seconds: float, seed: int, directory: Path) -> Soak:
    """Leaves logs in ``directory``, which must exist and be empty."""
    found = Soak(seconds)
    async with running_stack(directory, redis=False) as stack:
        end = asyncio.Event()
        visitors = Visitors(stack.urls[0], seed, end)
        watching = asyncio.create_task(_watch(stack, found))
        pacing = asyncio.create_task(_change_pace(stack))
        work = [asyncio.create_task(one) for one in _loops(visitors)]
        _, pending = await asyncio.wait([*work, pacing], timeout=seconds)
        end.set()
        pacing.cancel()
        watching.cancel()
        await stack.provider.end_faults()
        _, late = await asyncio.wait(work, timeout=SETTLING_SECONDS)
        found.problems += [f"ended early: {task!r}" for task in work if task not in pending]
        found.problems += [f"still at work: {task!r}" for task in late]
        await visitors.close()
        found.counts = dict(sorted(visitors.counts.items()))
        found.problems += visitors.problems + await _unended(stack)
    logs = directory / "data" / "logs"
    found.problems += await asyncio.to_thread(_tracebacks, logs)
    found.problems += left_running(stack.data_dir)
    return found


def _loops(visitors: Visitors) -> Sequence[Coroutine[Any, Any, None]]:
    return (
        *(visitors.steady() for _ in range(8)),
        *(visitors.slow() for _ in range(8)),
        *(visitors.hang_up() for _ in range(4)),
        *(visitors.odd() for _ in range(2)),
        visitors.bombs(),
        visitors.half_open(),
        visitors.bursts(),
    )


async def _change_pace(stack: Stack) -> None:
    """Short and long answers, plain and compressed, now and then a failing one."""
    url = f"{stack.provider.url}/_sim"
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        await client.post(f"{url}/faults/rate", json={"share": 0.3, "faults": _FAULTS, "seed": 1})
        number = 0
        while True:
            await client.post(f"{url}/pace", json=_PACES[number % len(_PACES)])
            number += 1
            await asyncio.sleep(7)


async def _watch(stack: Stack, found: Soak) -> None:
    edge = psutil.Process(stack.components[-1].service.child.mark.pid)
    while True:
        found.memory.append(edge.memory_info().rss)
        await asyncio.sleep(_SAMPLE_SECONDS)


async def _unended(stack: Stack) -> list[str]:
    """Requests that have no end after a calm."""
    database = Database(stack.database_url, 30)
    try:
        async with asyncio.timeout(SETTLING_SECONDS):
            while await open_requests(database):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(1)
    except TimeoutError:
        return [f"{await open_requests(database)} accepted requests have no end"]
    finally:
        await database.close()
    return []


def _tracebacks(logs: Path) -> list[str]:
    """A traceback is a bug: the first lines of each."""
    return [
        f"{log.name}: {line[-1500:]}"
        for log in logs.glob("edge*.log")
        for line in log.read_text(errors="replace").splitlines()
        if "Traceback (most recent call last)" in line
    ]


def _median(samples: Sequence[int]) -> int:
    return sorted(samples)[len(samples) // 2] if samples else 0
