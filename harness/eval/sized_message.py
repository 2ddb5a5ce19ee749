"""A message with its sizes and cache pieces, computed once for each message's bytes."""

from dataclasses import dataclass
from typing import Any

import msgspec

from harness.simulator import rules_cache
from harness.simulator.cache import Piece
from harness.simulator.canonical import block_digest
from harness.simulator.shape import blocks
from palimpsest.dialects.anthropic.sizes import message_tokens

_CACHED_MESSAGES = 50_000


@dataclass(frozen=True, slots=True)
class SizedMessage:
    """``pieces`` are the blocks as the prompt cache knows them, the message's tokens (before the
    model's ratio) on the last one; ``sizes`` are the lengths of the blocks' JSON."""

    value: dict[str, Any]
    tokens: int
    pieces: tuple[Piece, ...]
    sizes: tuple[int, ...]


_cached: dict[tuple[bytes, int], SizedMessage] = {}


def size_message(raw: bytes, image_cap: int) -> SizedMessage:
    """The decoded message with its sizes; ``image_cap`` is the most tokens of an image."""
    key = (raw, image_cap)
    found = _cached.get(key)
    if found is None:
        if len(_cached) >= _CACHED_MESSAGES:
            _cached.clear()
        found = _cached[key] = _sized(raw, image_cap)
    return found


def _sized(raw: bytes, image_cap: int) -> SizedMessage:
    value: dict[str, Any] = msgspec.json.decode(raw)
    found = blocks(value["content"])
    tokens = message_tokens(raw, image_cap)
    last = len(found) - 1
    pieces = tuple(
        Piece(
            block_digest(str(value["role"]), block),
            tokens if number == last else 0,
            rules_cache.ttl(block),
        )
        for number, block in enumerate(found)
    )
    return SizedMessage(value, tokens, pieces, tuple(len(msgspec.json.encode(b)) for b in found))
