"""Values from outside: what reading one may raise, and readers that tell what is none."""

from typing import Any

import msgspec

UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
"""What decoding JSON from outside, or encoding what was decoded, may raise."""

_MOST_DIGITS = 18


def parse_count(text: str | bytes) -> int | None:
    """A whole number of 1 to 18 ASCII digits, which every column takes; None for anything else,
    also for digits of other scripts and for numbers that are too long to be meant."""
    digits = text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS
    return int(text) if digits else None


def parse_fields(raw: bytes | bytearray | msgspec.Raw) -> dict[str, bytes] | None:
    """The raw values of a JSON object by their names; None for what is no object."""
    try:
        return {name: bytes(value) for name, value in _OBJECT.decode(raw).items()}
    except UNREADABLE:
        return None


def parse_text(raw: bytes) -> str | None:
    """A JSON string's text; None for any other value."""
    try:
        return _STRING.decode(raw)
    except UNREADABLE:
        return None


def write_json(value: Any) -> str:
    """A decoded value as JSON, for people to read; an ellipsis for one that cannot be written, such
    as an integer beyond 64 bits."""
    try:
        return msgspec.json.encode(value).decode()
    except UNREADABLE:
        return "…"


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_STRING = msgspec.json.Decoder(str)
