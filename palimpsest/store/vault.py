"""The vault: a request's headers, credentials included, sealed until the request has ended.

AES-256-GCM with a fresh nonce, bound to the request's id. The key is never in the database.
"""

import base64
import binascii
import os
import secrets
from contextlib import suppress
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from palimpsest.runtime.errors import CredentialsLost, StartupFailed

KEY_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16


class VaultContent(msgspec.Struct, frozen=True, array_like=True):
    """What a continuation needs besides the body: the target and the headers, as they came."""

    target: bytes
    headers: tuple[tuple[bytes, bytes], ...]


class Vault:
    """Seals and opens with one key."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, request_id: str, content: VaultContent) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = msgspec.msgpack.encode(content)
        return nonce + self._cipher.encrypt(nonce, plain, request_id.encode())

    def open(self, request_id: str, sealed: bytes) -> VaultContent:
        """Raises CredentialsLost when the key is another one than it was sealed with, and when
        the row is too short to hold anything."""
        if len(sealed) < _NONCE_BYTES + _TAG_BYTES:
            raise CredentialsLost(f"the vault's row is damaged: it has {len(sealed)} bytes")
        nonce, text = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            plain = self._cipher.decrypt(nonce, text, request_id.encode())
        except InvalidTag:
            raise CredentialsLost("the vault's key has changed since the request came in") from None
        return msgspec.msgpack.decode(plain, type=VaultContent)


def vault_key(configured: str | None, data_dir: Path) -> bytes:
    """The configured key (base64 of 32 bytes), else the one in ``data_dir``, made if need be."""
    if configured is not None:
        return _decoded(configured, "PALIMPSEST_VAULT_KEY")
    path = data_dir / "vault.key"
    with suppress(FileExistsError):
        aside = data_dir / f"vault.key.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link, unlike a rename, leaves alone the key that another process made first.
            os.link(aside, path)
        finally:
            aside.unlink()
    return _decoded(path.read_text().strip(), str(path))


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise StartupFailed(f"{source} must be base64 of {KEY_BYTES} bytes")
    return key
