"""Where embedded indexes lie: ``<data_dir>/vectors/<n>`` is the *slot* of one process, and in it
each *generation* a directory; ``current.json`` names the one that counts.
"""

import asyncio
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

import msgspec

from palimpsest.runtime.file_lock import FileLock, try_lock

_CURRENT = "current.json"
_LOCK = "lock"
_BROKEN = "set-aside"
_PATIENCE_SECONDS = 1.0
"""A process that was killed leaves its child behind for a moment, with the lock."""


class _Current(msgspec.Struct, frozen=True):
    """``vectors`` names what made the vectors: others cannot be compared with them."""

    generation: str
    vectors: str


class Slot:
    """A slot this process holds, until its end."""

    def __init__(self, directory: Path, lock: FileLock) -> None:
        self.directory = directory
        self._lock = lock

    def current(self, vectors: str) -> Path:
        """The generation in use; a new one where there is none, or where other vectors made it.
        What else lies there is removed."""
        generation = self._read(vectors)
        if generation is None:
            generation = new_generation(self.directory)
            self.adopt(generation, vectors)
        self._keep_only(generation)
        return generation

    def adopt(self, generation: Path, vectors: str) -> None:
        """From now on this one counts, also after a crash."""
        aside = self.directory / f"{_CURRENT}.new"
        aside.write_bytes(msgspec.json.encode(_Current(generation.name, vectors)))
        aside.replace(self.directory / _CURRENT)

    def set_aside(self, generation: Path) -> None:
        """Keep what does not open for whoever wants to look into it; one of them at most."""
        broken = self.directory / _BROKEN
        shutil.rmtree(broken, ignore_errors=True)
        with suppress(FileNotFoundError):
            generation.rename(broken)

    def release(self) -> None:
        self._lock.release()

    def _read(self, vectors: str) -> Path | None:
        with suppress(FileNotFoundError, msgspec.DecodeError):
            current = msgspec.json.decode((self.directory / _CURRENT).read_bytes(), type=_Current)
            generation = self.directory / current.generation
            if current.vectors == vectors and generation.is_dir():
                return generation
        return None

    def _keep_only(self, generation: Path) -> None:
        for other in self.directory.iterdir():
            if other.is_dir() and other.name not in (generation.name, _BROKEN):
                shutil.rmtree(other, ignore_errors=True)


def new_generation(slot: Path) -> Path:
    generation = slot / uuid.uuid4().hex[:12]
    generation.mkdir()
    return generation


async def hold(root: Path) -> Slot:
    """The first slot that no process holds; made where there is none."""
    number = 0
    while True:
        directory = root / str(number)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if lock := await _locked(directory / _LOCK):
            return Slot(directory, lock)
        number += 1


def forget_unused(root: Path) -> None:
    """Remove what no process holds, and what was set aside: it may know what was deleted."""
    for directory in root.iterdir() if root.is_dir() else ():
        shutil.rmtree(directory / _BROKEN, ignore_errors=True)
        lock = try_lock(directory / _LOCK)
        if isinstance(lock, FileLock):
            with lock:
                shutil.rmtree(directory, ignore_errors=True)


async def _locked(path: Path) -> FileLock | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    while True:
        lock = try_lock(path)
        if isinstance(lock, FileLock):
            return lock
        if loop.time() >= deadline:
            return None
        await asyncio.sleep(0.05)
