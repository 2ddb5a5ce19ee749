"""The token for routes that show content: whoever can read the data directory may see them."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def token_path(data_dir: Path) -> Path:
    return data_dir / "token"


def local_token(data_dir: Path) -> str:
    """Read the token, or create it: 43 URL-safe characters, mode 0600, whoever comes first."""
    path = token_path(data_dir)
    with suppress(FileNotFoundError):
        return path.read_text().strip()
    aside = path.with_name(f".token-{os.getpid()}-{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{secrets.token_urlsafe(32)}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(aside)
    finally:
        aside.unlink()
    return path.read_text().strip()
