"""When two requests are the same one: body and credential, told apart by session and agent."""

from collections.abc import Iterable

from blake3 import blake3

from palimpsest.conversations.session import AGENT_HEADER, SESSION_HEADER
from palimpsest.exchanges.model import Identity

_CREDENTIALS = (b"authorization", b"x-api-key")
_KEY = b"idempotency-key"
_NAMED = b"x-palimpsest-request-id"
_RETRY_COUNT = b"x-stainless-retry-count"


def identify(target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Identity:
    """Read a request's identity; header names may be in any case."""
    values = {name.lower(): value for name, value in headers}
    credential = b"\0".join(values.get(name, b"") for name in _CREDENTIALS)
    identity = _hash(b"request", target, credential, body)
    key, session = values.get(_KEY), values.get(SESSION_HEADER)
    if key:
        fingerprint = _hash(b"key", credential, key)
    else:
        fingerprint = _hash(b"claim", identity, session or b"", values.get(AGENT_HEADER, b""))
    named = values.get(_NAMED)
    return Identity(
        identity=identity,
        fingerprint=fingerprint,
        keyed=bool(key),
        session=bool(session),
        marked=bool(key or named) or _positive(values.get(_RETRY_COUNT)),
        named=named.decode("latin-1") if named else None,
    )


def _hash(*parts: bytes) -> bytes:
    state = blake3()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def _positive(count: bytes | None) -> bool:
    return bool(count and count.isdigit() and int(count) > 0)
