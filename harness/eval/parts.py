"""A message as the measures need it, worked out once for each message's bytes."""

from dataclasses import dataclass
from typing import Any

import msgspec

from harness.simulator import rules_cache
from harness.simulator.cache import Piece
from harness.simulator.canonical import block_digest
from harness.simulator.shape import blocks
from palimpsest.context.tokens import message_tokens

_KEPT = 50_000


@dataclass(frozen=True, slots=True)
class Part:
    """``pieces`` are the blocks as the prompt cache knows them, the message's tokens (before the
    model's ratio) on the last one; ``sizes`` are the lengths of the blocks' JSON."""

    value: dict[str, Any]
    tokens: int
    pieces: tuple[Piece, ...]
    sizes: tuple[int, ...]


_known: dict[tuple[bytes, int], Part] = {}


def part(raw: bytes, image_cap: int) -> Part:
    """The message's part."""
    key = (raw, image_cap)
    found = _known.get(key)
    if found is None:
        if len(_known) >= _KEPT:
            _known.clear()
        found = _known[key] = _part(raw, image_cap)
    return found


def _part(raw: bytes, image_cap: int) -> Part:
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
    return Part(value, tokens, pieces, tuple(len(msgspec.json.encode(b)) for b in found))
