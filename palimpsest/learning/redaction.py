"""Takes secrets out of a message: out of each text as a whole, before anything is cut from it."""

from collections.abc import Callable
from typing import Any, cast

import msgspec

_SHAPES = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_OPAQUE = ("data", "signature", "encrypted_content")
_LONGEST_NAMED = 500
EMPTY = b'{"role":"","content":[]}'


def redact_message(raw: bytes, redact: Callable[[str], str]) -> bytes:
    """The message with every text redacted by ``redact``; an empty message if it is no JSON."""
    try:
        return msgspec.json.encode(_redact_value(msgspec.json.decode(raw), redact))
    except _SHAPES:
        return EMPTY


def _redact_value(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_redact_value(item, redact) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {
            name: inner if name in _OPAQUE else _redact_field(name, inner, redact)
            for name, inner in cast("dict[str, Any]", value).items()
        }
    return value


def _redact_field(name: str, value: Any, redact: Callable[[str], str]) -> Any:
    """Redacts a value together with its name, since the name may tell that it is a secret."""
    clean = _redact_value(value, redact)
    if clean != value or not isinstance(value, str) or len(value) > _LONGEST_NAMED:
        return clean
    prefix = f'{name}="'
    return redact(f'{prefix}{value}"')[len(prefix) : -1]
