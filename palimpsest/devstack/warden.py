"""Ends the children of a process that was killed: each process that starts some has a *warden*.

The warden waits on a pipe whose other end its process alone holds, so it wakes when that one is
gone, however it went. It then stops the children, those that drain first, so that a stream in the
edge ends as it should, and what it stands on after it. They are known by their owner's token in
their environment, which a child has from its first moment on, and no child of a later start.
"""

import asyncio
import secrets
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from itertools import groupby

import psutil

from palimpsest.devstack.orphans import PATIENCE, SIGNALS, is_leader, rank_of, role_of
from palimpsest.runtime.process_mark import Mark
from palimpsest.runtime.settings import child_environment

OWNER = "PALIMPSEST_OWNER"
_DRAIN = "PALIMPSEST_DRAIN_TIMEOUT"
_DRAIN_DEFAULT = 30.0
_DRAIN_EXTRA = 40.0
"""Seconds: a supervisor that we stop stops its own children too."""

_BETWEEN = 0.3
"""Seconds between two looks: a child that was being started has its environment by then."""


class Warden:
    """This process's own; ``token`` is what its children carry."""

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self._process: subprocess.Popen[bytes] | None = None

    def watched(self, env: Mapping[str, str]) -> dict[str, str]:
        """The environment of a child that ends when this process does; there is a warden then."""
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                (sys.executable, "-P", "-m", "palimpsest.devstack.warden", self.token),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=child_environment({OWNER: ""}),
                start_new_session=True,
            )
        return {**env, OWNER: self.token}

    def dismiss(self) -> None:
        """End the warden: nothing is left to it."""
        self._end(b".")

    def abandon(self) -> None:
        """Have it stop the children now, as if this process had ended; returns when it has."""
        self._end(b"")

    def _end(self, word: bytes) -> None:
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            with suppress(OSError):
                process.stdin.write(word)
                process.stdin.close()
            process.wait()


WARDEN = Warden()


async def stop_owned(token: str) -> None:
    """Stop all children with that token; returns when two looks in a row found none."""
    looks = 0
    while looks < 2:
        found = _find(token)
        looks = 0 if found else looks + 1
        for _, equals in groupby(found, key=lambda one: rank_of(one[0])):
            await asyncio.gather(
                *(
                    mark.stop(SIGNALS.get(role, signal.SIGTERM), patience)
                    for role, mark, patience in equals
                )
            )
        await asyncio.sleep(_BETWEEN)


def _find(token: str) -> list[tuple[str, Mark, float]]:
    """Role, mark and patience in seconds of each, in the order to stop them. What a child of them
    has started is left to that child."""
    found: dict[int, tuple[str, Mark, float]] = {}
    parents: dict[int, int] = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            env = process.environ()
            if env.get(OWNER) == token and is_leader(process) and _lives(process):
                role = role_of(env)
                mark = Mark(process.pid, process.create_time())
                found[process.pid] = (role, mark, _patience(role, env))
                parents[process.pid] = process.ppid()
    first = [one for pid, one in found.items() if parents[pid] not in found]
    return sorted(first, key=lambda one: rank_of(one[0]))


def _lives(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE


def _patience(role: str, env: Mapping[str, str]) -> float:
    if role not in ("", "edge", "worker"):
        return PATIENCE
    try:
        return float(env.get(_DRAIN) or _DRAIN_DEFAULT) + _DRAIN_EXTRA
    except ValueError:
        return _DRAIN_DEFAULT + _DRAIN_EXTRA


def main() -> None:
    """Waits for the end of the pipe; a byte in it says that there is nothing to do."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    if not sys.stdin.buffer.read(1):
        asyncio.run(stop_owned(sys.argv[1]))


if __name__ == "__main__":
    main()
