"""Which headers travel on, and which must never be written down."""

import re
from collections.abc import Iterable
from functools import lru_cache

import msgspec

RawHeaders = tuple[tuple[bytes, bytes], ...]

# RFC 9110 §7.6.1, and `expect`, which the server in front of us has already answered.
_HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"expect",
    )
)
_SECRET_NAME = re.compile(rb"(?i)auth|cookie|token|secret|api-?key|password|credential|signature")
_SECRET_QUERY = re.compile(r"(?i)([?&][^=&]*(?:key|token|secret|auth|password|sig)[^=&]*=)[^&]*")
_REDACTED = "[redacted]"


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> RawHeaders:
    """The headers without those that belong to one connection only."""
    pairs = [(name, value) for name, value in headers]
    named = {
        token.strip().lower()
        for name, value in pairs
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    return tuple(
        (name, value)
        for name, value in pairs
        if name.lower() not in _HOP_BY_HOP and name.lower() not in named
    )


def value_of(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    """The first value of a header, by its lower-case name."""
    return next(
        (value.decode("latin-1") for name, value in headers if name.lower() == wanted), None
    )


@lru_cache(maxsize=1024)
def is_secret(name: bytes) -> bool:
    """Whether a header's value is a credential; a rate limit that counts tokens is not."""
    lowered = name.lower()
    return not lowered.startswith(b"anthropic-ratelimit-") and bool(_SECRET_NAME.search(lowered))


def recordable(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The headers as JSON pairs with every credential's value taken out."""
    return msgspec.json.encode(
        [
            (name.decode("latin-1"), _REDACTED if is_secret(name) else value.decode("latin-1"))
            for name, value in headers
        ]
    ).decode()


def recordable_target(target: bytes) -> str:
    """Path and query string with the values of secret-looking parameters taken out."""
    return _SECRET_QUERY.sub(rf"\1{_REDACTED}", target.decode("latin-1"))
