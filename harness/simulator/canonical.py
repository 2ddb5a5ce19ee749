"""The canonical form of a request's parts: what must be equal for a prefix to be equal.

`cache_control` is left out, a string content equals one text block, and the order of a block's
own fields does not matter; inside `input` and `input_schema` every byte does.
"""

import blake3
import msgspec

from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)

BILLING = "x-anthropic-billing-header:"
THINKING = ("thinking", "redacted_thinking")


def plain(block: Obj) -> Obj:
    """The block in a fixed field order, without cache markers, nested results included."""
    kept = {key: block[key] for key in sorted(block) if key != "cache_control"}
    if block.get("type") == "tool_result" and "content" in kept:
        kept["content"] = [plain(inner) for inner in blocks(kept["content"])]
    return kept


def digest(value: object) -> bytes:
    """A 16-byte hash of a JSON value."""
    return blake3.blake3(msgspec.json.encode(value)).digest(16)


def link(before: bytes, value: bytes) -> bytes:
    """The next hash of a chain."""
    return blake3.blake3(before + value).digest(16)


def system_blocks(body: Obj) -> list[tuple[int, Obj]]:
    """The system blocks with their index, the client's billing block left out."""
    found = enumerate(blocks(body.get("system")))
    return [(i, b) for i, b in found if not str(b.get("text", "")).startswith(BILLING)]


def system_digest(body: Obj) -> bytes:
    """The hash of the system prompt."""
    return digest([plain(block) for _, block in system_blocks(body)])


def tools_digest(body: Obj) -> bytes:
    """The hash of the tool list."""
    return digest([plain(obj(tool)) for tool in arr(body.get("tools"))])


def block_digest(role: str, block: Obj) -> bytes:
    """The hash of one block in its role."""
    return digest([role, plain(block)])
