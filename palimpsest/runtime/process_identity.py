"""The name a process owns requests by, `host:pid:started:token`, and whether its process is gone.

Only a process that was started since the last boot, in the same pid namespace, can be judged from
here; of all others only their heartbeats tell.
"""

import secrets
import socket
from contextlib import suppress
from functools import cache
from hashlib import blake2s
from pathlib import Path

from palimpsest.runtime.process_mark import Mark

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PIDS = Path("/proc/self/ns/pid")


def own_name() -> str:
    """A name that no other process has, nor a later one with the same pid."""
    mark = Mark.this()
    return f"{_here()}:{mark.pid}:{mark.started}:{secrets.token_hex(4)}"


def is_gone(owner: str) -> bool:
    """Whether that process ran here and does no more; False for a name of another kind."""
    here, *rest = owner.split(":")
    if here != _here() or len(rest) != 3:
        return False
    try:
        mark = Mark(int(rest[0]), float(rest[1]))
    except ValueError:
        return False
    return mark.process() is None


@cache
def _here() -> str:
    """Host, boot and pid namespace: within them a pid and its start time name one process."""
    known = socket.gethostname()
    with suppress(OSError):
        known += _BOOT.read_text()
    with suppress(OSError):
        known += str(_PIDS.readlink())
    return f"{socket.gethostname()}@{blake2s(known.encode(), digest_size=6).hexdigest()}"
