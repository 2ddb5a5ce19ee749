"""The token for routes that show content: whoever can read the data directory may see them."""

import fcntl
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from palimpsest.runtime.errors import StartupFailed

_TOKEN = re.compile(rb"[\x21-\x7e]+")


def token_path(data_dir: Path) -> Path:
    return data_dir / "token"


def local_token(data_dir: Path) -> str:
    """Read the token, or create it: 43 URL-safe characters, mode 0600, whoever comes first. A file
    that holds none, cut off by a full disk say, gets one. Raises StartupFailed where it cannot."""
    path = token_path(data_dir)
    with suppress(FileNotFoundError):
        return _read(path.read_bytes()) or _fill(path)
    aside = path.with_name(f".token-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _write(file)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    finally:
        aside.unlink()
    return _read(path.read_bytes()) or _fill(path)


def _read(content: bytes) -> str:
    """The token that a file holds: characters that a header can carry; else an empty string."""
    token = content.strip()
    return token.decode() if _TOKEN.fullmatch(token) else ""


def _fill(path: Path) -> str:
    """Put a token in a file that holds none, unless another process just did."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if found := _read(file.read()):
                return found
            os.fchmod(file.fileno(), 0o600)
            file.seek(0)
            file.truncate()
            return _write(file)
    except OSError as error:
        raise StartupFailed(f"{path} holds no token: {error.strerror}") from error


def _write(file: BinaryIO) -> str:
    token = secrets.token_urlsafe(32)
    file.write(f"{token}\n".encode())
    file.flush()
    os.fsync(file.fileno())
    return token
