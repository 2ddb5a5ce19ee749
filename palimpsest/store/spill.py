"""Settlements that the database could not take: on disk, synced, until it can."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import structlog

from palimpsest.forwarding.model import Settlement

_log = structlog.stdlib.get_logger()


class Spill:
    """A directory of settlements, one file each. Blocking: call it from a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, end: Settlement) -> None:
        """Write a settlement so that it survives a crash of the machine."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._directory / f"{end.request_id}.new"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(end))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self._path(end.request_id))
        directory = os.open(self._directory, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def read(self, request_id: str = "*") -> list[Settlement]:
        """The settlements that wait: all, or that of one request."""
        return list(self._read(request_id))

    def _read(self, request_id: str) -> Iterator[Settlement]:
        for path in sorted(self._directory.glob(f"{request_id}.end")):
            try:
                yield msgspec.msgpack.decode(path.read_bytes(), type=Settlement)
            except FileNotFoundError:
                continue
            except msgspec.MsgspecError as error:
                # A file that no version of ours can read must not keep the others waiting.
                path.rename(path.with_suffix(".unreadable"))
                _log.error("a spilled end cannot be read", file=path.name, reason=str(error))

    def remove(self, request_id: str) -> None:
        """Remove a settlement that the database has."""
        self._path(request_id).unlink(missing_ok=True)

    def _path(self, request_id: str) -> Path:
        return self._directory / f"{request_id}.end"
