"""Children that outlived their supervisor.

A supervisor that is killed leaves its children running on purpose: a stream in the edge then
ends as it should. The next start stops them all, edge first, and starts its own; it adopts none,
because a stopped child cannot carry an old version or setting along, and a start takes a second.
They are known by the marks in ``stack.json``, and by a tag in their environment, for a child
whose supervisor was killed before it could write the mark down.
"""

import os
import signal
from pathlib import Path

import psutil

from palimpsest.devstack.progress import Say, announced
from palimpsest.runtime.process_mark import Mark

ORDER = ("edge", "worker", "temporal-ui", "temporal", "postgres")
"""Who is stopped first: nobody loses what it needs while it drains."""

TAG = "PALIMPSEST_STACK"
SIGNALS = {"postgres": signal.SIGINT}
PATIENCE = 20.0


def tag(data_dir: Path, role: str) -> dict[str, str]:
    """The environment that marks a child as ours."""
    return {TAG: f"{role}@{data_dir}"}


def find(data_dir: Path, recorded: dict[str, Mark]) -> list[tuple[str, Mark]]:
    """Who still runs for this data directory, in the order to stop them."""
    found = {mark.pid: (role, mark) for role, mark in recorded.items() if mark.process()}
    for process in psutil.process_iter():
        role = _role(process, data_dir)
        if role is not None and process.pid not in found and process.pid != os.getpid():
            found[process.pid] = (role, Mark(process.pid, process.create_time()))
    rank = {role: number for number, role in enumerate(ORDER)}
    return sorted(found.values(), key=lambda pair: rank.get(pair[0], -1))


async def stop(data_dir: Path, recorded: dict[str, Mark], drain: float, say: Say) -> None:
    """Stop them all; ``drain`` is the edge's patience in seconds, whose streams may finish."""
    for role, mark in find(data_dir, recorded):
        async with announced(f"stopping {role} (pid {mark.pid}) of an earlier start", say):
            patience = drain if role == "edge" else PATIENCE
            await mark.stop(SIGNALS.get(role, signal.SIGTERM), patience)


def _role(process: psutil.Process, data_dir: Path) -> str | None:
    """The role in a tag that names this data directory, of the leader of a session."""
    try:
        role, _, directory = process.environ().get(TAG, "").partition("@")
        if directory != str(data_dir) or os.getsid(process.pid) != process.pid:
            return None
    except (psutil.Error, OSError):
        return None
    return role
