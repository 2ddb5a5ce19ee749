"""File locks, which the kernel drops when their holder dies, however it dies."""

import asyncio
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class FileLock:
    """Held from ``try_lock`` to ``release``; the file carries the holder's pid."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def try_lock(path: Path) -> FileLock | int:
    """The lock, or the pid of its holder (0 if it has not written it yet).

    No child inherits it (Python opens descriptors close-on-exec), so none keeps it alive.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode(errors="replace").strip()
        os.close(descriptor)
        return int(holder) if holder.isdigit() else 0
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f"{os.getpid()}\n".encode())
    return FileLock(descriptor)


async def exclusive(path: Path) -> FileLock:
    """Wait for the lock as long as it takes."""
    while True:
        lock = try_lock(path)
        if isinstance(lock, FileLock):
            return lock
        await asyncio.sleep(0.1)
