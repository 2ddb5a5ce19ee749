"""Sizes of messages, system prompts and tool lists: estimated tokens of what the model reads.

Counts are the tokenizer's; a model's tokens are the count times its ratio (see models.json),
corrected per conversation from ``usage``. Everything is memoised by content, so a turn counts only
what is new. CPU-bound and thread-safe: run it off the event loop.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from blake3 import blake3

from palimpsest.dialects.anthropic.media import image_tokens, pdf_tokens
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.model import RequestView, TokenEstimate
from palimpsest.dialects.tokenizer import text_tokens
from palimpsest.runtime.foreign_values import UNREADABLE
from palimpsest.runtime.hash_chain import SEGMENT, digest, segments
from palimpsest.runtime.lru import Memo

# Measured by regression on the growth of real prompts (tests/unit/dialects/test_calibration.py).
MESSAGE_TOKENS = 4
TOOL_TOKENS = 39
TOOLS_TOKENS = 300
SIGNATURE_RATE = 0.18
SIGNATURE_FREE = 130
_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
_UNREADABLE_BYTES_PER_TOKEN = 3

_messages: Memo[bytes, int] = Memo(16_384)
_segments: Memo[bytes, int] = Memo(4_096)
_contexts: Memo[bytes, int] = Memo(1_024)


def prompt_tokens(view: RequestView) -> TokenEstimate:
    """The estimate of a whole request."""
    image_cap = lookup(view.model).image_tokens
    return TokenEstimate(
        system=_context_tokens(b"system", view.system, image_cap),
        tools=_context_tokens(b"tools", view.tools, image_cap),
        messages=messages_tokens(view.messages, image_cap),
    )


def messages_tokens(messages: Sequence[bytes], image_cap: int) -> int:
    """The estimate of all messages; a seen segment costs one hash."""
    total = 0
    for segment in segments(messages):
        if len(segment) < SEGMENT:
            return total + sum(message_tokens(message, image_cap) for message in segment)
        key = _key(b"segment", image_cap, digest(segment))
        known = _segments.get(key)
        if known is None:
            known = sum(message_tokens(message, image_cap) for message in segment)
            _segments.put(key, known)
        total += known
    return total


def message_tokens(raw: bytes, image_cap: int) -> int:
    """The estimate of one raw message."""
    key = _key(b"message", image_cap, raw)
    known = _messages.get(key)
    if known is None:
        known = MESSAGE_TOKENS + _raw_tokens(raw, b"content", image_cap)
        _messages.put(key, known)
    return known


def thinking_tokens(fields: Mapping[str, Any]) -> int:
    """The estimate of a thinking block. The signature carries the full thinking; the text beside it
    may be a summary, or empty."""
    sealed = fields.get("signature") or fields.get("data")
    if not isinstance(sealed, str):
        return _text(fields.get("thinking", ""))
    return max(0, round((len(sealed) - SIGNATURE_FREE) * SIGNATURE_RATE))


def _key(kind: bytes, image_cap: int, content: bytes) -> bytes:
    return blake3(b"%b %d " % (kind, image_cap) + content).digest()


def _context_tokens(kind: bytes, raw: bytes | None, image_cap: int) -> int:
    if raw is None:
        return 0
    key = _key(kind, image_cap, raw)
    known = _contexts.get(key)
    if known is None:
        known = _raw_tokens(raw, kind, image_cap)
        _contexts.put(key, known)
    return known


def _raw_tokens(raw: bytes, kind: bytes, image_cap: int) -> int:
    try:
        value = msgspec.json.decode(raw)
        if kind == b"tools":
            return _tools(value)
        return _content(value.get("content") if kind == b"content" else value, image_cap)
    except UNREADABLE:
        return len(raw) // _UNREADABLE_BYTES_PER_TOKEN


def _tools(tools: Any) -> int:
    if not isinstance(tools, list):
        return _json(tools)
    return TOOLS_TOKENS + sum(_tool(tool) for tool in cast("list[Any]", tools))


def _tool(tool: Any) -> int:
    if not isinstance(tool, dict):
        return _json(tool)
    fields = cast("dict[str, Any]", tool)
    if fields.get("defer_loading") is True:
        return 0
    rest = {name: value for name, value in fields.items() if name != "cache_control"}
    return _text(rest.pop("description", "")) + _json(rest)


def _content(content: Any, image_cap: int) -> int:
    """Tokens of a string, of a list of blocks, or of whatever else stands there."""
    if isinstance(content, list):
        return sum(_block(block, image_cap) for block in cast("list[Any]", content))
    return 0 if content is None else _text(content)


def _block(block: Any, image_cap: int) -> int:
    if not isinstance(block, dict):
        return _text(block)
    fields = cast("dict[str, Any]", block)
    match fields.get("type"):
        case "text":
            return _text(fields.get("text", ""))
        case "thinking" | "redacted_thinking":
            return thinking_tokens(fields)
        case "image":
            return image_tokens(_source(fields), image_cap)
        case "document":
            return _document(fields, image_cap)
        case str(kind) if kind in _CALLS:
            return TOOL_TOKENS + _text(fields.get("name", "")) + _json(fields.get("input"))
        case str(kind) if kind.endswith("tool_result"):
            return TOOL_TOKENS + _content(fields.get("content"), image_cap)
        case _:
            return _json(fields)


def _document(fields: dict[str, Any], image_cap: int) -> int:
    source = _source(fields)
    about = _text(fields.get("title") or "") + _text(fields.get("context") or "")
    data = source.get("data")
    match source.get("type"):
        case "text":
            return about + _text(data)
        case "content":
            return about + _content(source.get("content"), image_cap)
        case _:
            return about + pdf_tokens(len(data) if isinstance(data, str) else 0)


def _source(fields: dict[str, Any]) -> dict[str, Any]:
    source = fields.get("source")
    return cast("dict[str, Any]", source) if isinstance(source, dict) else {}


def _text(value: Any) -> int:
    return text_tokens(value) if isinstance(value, str) else _json(value)


def _json(value: Any) -> int:
    return 0 if value is None else text_tokens(msgspec.json.encode(value).decode())
