"""Postgres refuses to run as root: who runs it instead, when we are root.

It runs as ``nobody`` and owns its directory, which lies inside our 0700 data directory. To reach
it, and a virtual environment under /root, the process keeps one ambient capability to pass
through directories; no mode of any directory is loosened and no system user is added.
"""

import os
import pwd
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from palimpsest.runtime.errors import StartupFailed

CAPABILITIES = {"dac_read_search": 2, "dac_override": 1}
"""Name and bit; either is enough, a container's root often has only the second."""


@dataclass(frozen=True)
class Runner:
    """``prefix`` goes before the command; ``uid`` and ``gid`` own what it writes, None: we do."""

    prefix: Sequence[str] = ()
    uid: int | None = None
    gid: int | None = None

    def hand_over(self, directory: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(directory, self.uid, self.gid)


def runner_for(directory: Path) -> Runner:
    """Who runs Postgres on ``directory``. Raises StartupFailed if root may not become another."""
    if os.geteuid() != 0:
        return Runner()
    setpriv = shutil.which("setpriv")
    capability = _passable()
    if setpriv is None or capability is None:
        raise StartupFailed(
            "Postgres does not run as root, and this root may not run it as another user; "
            "use another user or set DATABASE_URL"
        )
    nobody = pwd.getpwnam("nobody")
    owner = directory.stat()
    uid, gid = (owner.st_uid, owner.st_gid) if owner.st_uid else (nobody.pw_uid, nobody.pw_gid)
    keep = f"-all,+{capability}"
    prefix = (setpriv, f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
    return Runner((*prefix, f"--inh-caps={keep}", f"--ambient-caps={keep}"), uid, gid)


def _passable() -> str | None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            bits = int(line.split()[1], 16)
            return next((name for name, bit in CAPABILITIES.items() if bits >> bit & 1), None)
    return None
