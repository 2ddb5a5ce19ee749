"""Which headers travel on."""

from collections.abc import Iterable

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


def list_of(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    """The values of a header that is a list, from all its lines, sorted, each once."""
    lines = [value for name, value in headers if name.lower() == wanted]
    return sorted({value.strip() for value in b",".join(lines).split(b",")} - {b""})
