"""The bytes of an answer while they are needed: in memory up to a size, then on disk.

A client that does not read, and a call whose end is not settled yet, keep an answer alive; what
they keep of a large one is a file. It has no name, so it is gone with the process.
"""

import os
import tempfile
import weakref
from pathlib import Path

import structlog

MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 64 * 1024

_log = structlog.stdlib.get_logger()


class ByteLog:
    """Append-only bytes, read by their offset. ``directory`` is where the file is made once more
    than `MEMORY_BYTES` are there; without one, or where the disk takes nothing, all stay in
    memory. File pieces are small and in the system's cache, so no thread is asked for them."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory
        self._first = bytearray()
        self._file: int | None = None
        self._on_disk = 0
        self._last = bytearray()
        """What is not on disk yet, after the file's bytes."""

    def __len__(self) -> int:
        return len(self._first) + self._on_disk + len(self._last)

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return len(self._first) + len(self._last)

    def append(self, piece: bytes) -> None:
        """More bytes."""
        if len(self) + len(piece) <= MEMORY_BYTES:
            self._first += piece
            return
        self._last += piece
        if len(self._last) >= PIECE_BYTES and self._directory is not None:
            self._write()

    def read(self, offset: int, size: int = PIECE_BYTES) -> bytes:
        """At most ``size`` bytes from ``offset`` on; none where there are no more yet."""
        if offset < len(self._first):
            return bytes(self._first[offset : offset + size])
        offset -= len(self._first)
        if offset < self._on_disk and self._file is not None:
            return os.pread(self._file, min(size, self._on_disk - offset), offset)
        offset -= self._on_disk
        return bytes(self._last[offset : offset + size])

    def join(self) -> bytes:
        """All bytes so far."""
        if not self._on_disk:
            return bytes(self._first + self._last) if self._last else bytes(self._first)
        first = len(self._first)
        return b"".join((self._first, self.read(first, self._on_disk), self._last))

    def _write(self) -> None:
        """Move what is in memory behind the file's end."""
        try:
            if self._file is None:
                self._file = _unnamed_file(self._directory)
                weakref.finalize(self, os.close, self._file)
            written = os.pwrite(self._file, self._last, self._on_disk)
        except OSError as error:
            _log.warning("an answer stays in memory", reason=str(error))
            self._directory = None
            return
        self._on_disk += written
        del self._last[:written]


def _unnamed_file(directory: Path | None) -> int:
    file, name = tempfile.mkstemp(dir=directory)
    Path(name).unlink()
    return file
