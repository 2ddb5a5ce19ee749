"""A message without secrets: each of its texts as a whole, before anything is cut out of it."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

_SHAPES = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_OPAQUE = ("data", "signature", "encrypted_content")
EMPTY = b'{"role":"","content":[]}'


def cleaned(raw: bytes, redact: Callable[[str], str]) -> bytes:
    """The message with every text in it redacted; an empty one for what is no message."""
    try:
        return msgspec.json.encode(_clean(msgspec.json.decode(raw), redact))
    except _SHAPES:
        return EMPTY


def _clean(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_clean(item, redact) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {
            name: inner if name in _OPAQUE else _clean(inner, redact)
            for name, inner in cast("dict[str, Any]", value).items()
        }
    return value
