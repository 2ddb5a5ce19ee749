"""The canonical form of a message: what stays the same however a client sends it again.

It leaves out what clients change between turns without changing what was said: `cache_control`,
thinking, a string in place of one text block, the order of fields.
"""

from typing import Any, cast

import msgspec
from blake3 import blake3

from palimpsest.dialects.anthropic.blocks import THINKING
from palimpsest.runtime.hash_chain import Hash, raw_hash
from palimpsest.runtime.lru import Memo

# Only messages of segments that are not full yet are looked up one by one.
_messages: Memo[Hash, Hash] = Memo(4_096)


def canonical_hash(raw: bytes) -> Hash:
    """The hash of a message's canonical form; of its bytes when it has none (bad numbers)."""
    key = raw_hash(raw)
    known = _messages.get(key)
    if known is None:
        known = _canonical(raw)
        _messages.put(key, known)
    return known


def _canonical(raw: bytes) -> Hash:
    try:
        form = msgspec.json.encode(_canonical_message(msgspec.json.decode(raw)), order="sorted")
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        form = raw
    return blake3(form).digest()


def _canonical_message(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    fields = cast("dict[str, Any]", message)
    return {**fields, "content": _without_thinking(_blocks(fields.get("content")))}


def _blocks(content: Any) -> Any:
    """Content as a list of blocks without markers, nested content too; other values unchanged."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [_block(block) for block in content] if _is_list(content) else content


def _block(block: Any) -> Any:
    bare = _without_marker(block)
    if not isinstance(bare, dict):
        return bare
    fields = cast("dict[str, Any]", bare)
    if fields.get("type") == "tool_result" or _is_list(fields.get("content")):
        return {**fields, "content": _blocks(fields.get("content"))}
    return fields


def _without_marker(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    fields = cast("dict[str, Any]", block)
    return {name: value for name, value in fields.items() if name != "cache_control"}


def _without_thinking(blocks: Any) -> Any:
    if not _is_list(blocks):
        return blocks
    return [block for block in blocks if _field(block, "type") not in THINKING]


def _field(block: Any, name: str) -> Any:
    return cast("dict[str, Any]", block).get(name) if isinstance(block, dict) else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list)
