"""Children that outlived their supervisor.

A supervisor that is killed leaves its children to its warden (palimpsest/devstack/warden.py),
which may be killed too. The next start stops them all, edge first, and starts its own; it adopts
none, because a stopped child cannot carry an old version or setting along, and a start takes a
second.
They are known by the marks in ``stack.json``, and by a tag in their environment, for a child
whose supervisor was killed before it could write the mark down.
"""

import os
import signal
from collections.abc import Mapping
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
    return sorted(found.values(), key=lambda pair: rank_of(pair[0]))


async def stop(data_dir: Path, recorded: dict[str, Mark], drain: float, say: Say) -> None:
    """Stop them all; ``drain`` is the edge's patience in seconds, whose streams may finish."""
    for role, mark in find(data_dir, recorded):
        async with announced(f"stopping {role} (pid {mark.pid}) of an earlier start", say):
            patience = drain if role == "edge" else PATIENCE
            await mark.stop(SIGNALS.get(role, signal.SIGTERM), patience)


def rank_of(role: str) -> int:
    """The place in the order to stop them; who stands on nothing of ours is first."""
    return ORDER.index(role) if role in ORDER else -1


def role_of(env: Mapping[str, str]) -> str:
    """The role in the tag of an environment; empty where there is none."""
    return env.get(TAG, "").partition("@")[0]


def is_leader(process: psutil.Process) -> bool:
    """Whether it leads a session, as our children do. Raises OSError once it is gone."""
    return os.getsid(process.pid) == process.pid


def _role(process: psutil.Process, data_dir: Path) -> str | None:
    """The role in a tag that names this data directory, of the leader of a session."""
    try:
        env = process.environ()
        directory = env.get(TAG, "").partition("@")[2]
        if directory != str(data_dir) or not is_leader(process):
            return None
    except (psutil.Error, OSError):
        return None
    return role_of(env)
