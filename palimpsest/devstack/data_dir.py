"""The data directory: ours alone, mode 0700."""

import os
from pathlib import Path

from palimpsest.runtime.errors import StartupFailed


def prepare(path: Path) -> Path:
    """Create the directory, or close it to others; its absolute path.

    Raises StartupFailed if it belongs to another user or cannot be made.
    """
    path = path.expanduser().absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = path.resolve(strict=True)
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise StartupFailed(
                f"{path} belongs to another user (uid {status.st_uid}); set PALIMPSEST_DATA_DIR"
            )
        if status.st_mode & 0o077:
            path.chmod(0o700)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartupFailed(f"{path}: {reason}; set PALIMPSEST_DATA_DIR") from error
    return path
