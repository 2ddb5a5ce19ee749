"""One message taken apart into its blocks, each in the bytes it came in, and put together again.

A string content is one text block. A block's number is its place among the message's blocks
without thinking.

The canonical form of a message is what stays the same however a client sends it again. It leaves
out what clients change between turns without changing what was said: `cache_control`, thinking, a
string in place of one text block, the order of fields.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
from blake3 import blake3

from palimpsest.dialects.model import Block, BlockKind, Message, Role
from palimpsest.runtime.foreign_values import UNREADABLE
from palimpsest.runtime.hash_chain import Hash, raw_hash
from palimpsest.runtime.lru import Memo

THINKING = ("thinking", "redacted_thinking")

_KINDS = {
    "text": BlockKind.TEXT,
    "thinking": BlockKind.THINKING,
    "redacted_thinking": BlockKind.THINKING,
    "tool_use": BlockKind.TOOL_CALL,
    "tool_result": BlockKind.TOOL_RESULT,
    "image": BlockKind.IMAGE,
    "document": BlockKind.DOCUMENT,
}
_PROVIDER_RESULT = "_tool_result"
_ROLES: dict[str, Role] = {role.value: role for role in Role}
_UNREADABLE = re.compile(r"(?:type|tool_use_id|cache_control)\Z|encrypted")


class _Role(msgspec.Struct):
    role: str = ""


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder(dict[str, Any])
_TEXT = msgspec.json.Decoder(str)
_ROLE = msgspec.json.Decoder(_Role)
_DEEPEST = 64
"""Levels of nesting that are looked into; deeper ones are nobody's words."""


@dataclass(frozen=True, slots=True)
class ContentBlock:
    """A block of a Messages request; ``value`` is its decoded JSON."""

    raw: bytes = field(repr=False)
    value: dict[str, Any]
    wire_type: str
    kind: BlockKind

    @property
    def is_thinking(self) -> bool:
        return self.kind is BlockKind.THINKING

    @property
    def call_id(self) -> str:
        name = "id" if self.kind is BlockKind.TOOL_CALL else "tool_use_id"
        return _plain(self.value.get(name))

    @property
    def tool_name(self) -> str:
        if self.kind is BlockKind.PROVIDER_RESULT:
            return self.wire_type.removesuffix(_PROVIDER_RESULT)
        return _plain(self.value.get("name", ""))

    @property
    def arguments(self) -> dict[str, Any]:
        given = self.value.get("input")
        return cast("dict[str, Any]", given) if isinstance(given, dict) else {}

    @property
    def is_error(self) -> bool:
        return self.value.get("is_error") is True

    @property
    def media(self) -> int:
        return sum(kind not in ("text", "tool_reference") for kind in self._part_types())

    @property
    def has_reference(self) -> bool:
        return "tool_reference" in self._part_types()

    @property
    def cache_marker(self) -> Any:
        return self.value.get("cache_control")

    def text(self) -> str:
        text = self.value.get("text") if self.kind is BlockKind.TEXT else None
        return text if isinstance(text, str) else ""

    def result_text(self) -> str:
        """A string content, or the text blocks of a list; of a provider's result all texts but
        those that only the API can read."""
        if self.kind is BlockKind.PROVIDER_RESULT:
            return _flat(self.value)
        content = self.value.get("content")
        if isinstance(content, str):
            return content
        if not isinstance(content, list):
            return ""
        parts = cast("list[Any]", content)
        texts = (
            cast("dict[str, Any]", part).get("text") for part in parts if isinstance(part, dict)
        )
        return "\n".join(text for text in texts if isinstance(text, str))

    def replace_result(self, text: str) -> bytes:
        return _changed(self.raw, self.value, {"content": text}, without="cache_control")

    def _part_types(self) -> Iterator[str]:
        """The types of the parts of a result."""
        content = self.value.get("content")
        for part in cast("list[Any]", content) if isinstance(content, list) else []:
            if isinstance(part, dict):
                yield _plain(cast("dict[str, Any]", part).get("type"))


def parse_message(raw: bytes) -> Message:
    """The message as blocks; without any when its shape is unknown."""
    try:
        fields = {name: bytes(value) for name, value in _FIELDS.decode(raw).items()}
        content = fields.pop("content", b"")
        role = _TEXT.decode(fields.get("role", b'""'))
        return Message(_ROLES.get(role, Role.OTHER), tuple(_blocks(content)), fields)
    except UNREADABLE:
        return Message(Role.OTHER, (), {})


def parse_block(raw: bytes) -> Block:
    """One block of JSON; raises msgspec's errors for what is no object."""
    value = _VALUE.decode(raw)
    found = value.get("type")
    wire_type = found if isinstance(found, str) else ""
    return ContentBlock(bytes(raw), value, wire_type, _KINDS.get(wire_type) or _other(wire_type))


def role_of(raw: bytes) -> Role:
    """The role of a raw message, by decoding nothing else of it; OTHER for what is none."""
    try:
        return _ROLES.get(_ROLE.decode(raw).role, Role.OTHER)
    except UNREADABLE:
        return Role.OTHER


def put_together(message: Message, blocks: Sequence[bytes]) -> bytes:
    """The message with these blocks for its content."""
    fields = {**message.rest, "content": b"[" + b",".join(blocks) + b"]"}
    pairs = (msgspec.json.encode(name) + b":" + value for name, value in fields.items())
    return b"{" + b",".join(pairs) + b"}"


def text_block(text: str) -> bytes:
    """A text block as it goes into a message."""
    return msgspec.json.encode({"type": "text", "text": text})


def mark(raw: bytes, marker: Any) -> bytes:
    """The block with this cache marker."""
    return _changed(raw, _VALUE.decode(raw), {"cache_control": marker})


def _changed(
    raw: bytes, value: dict[str, Any], changes: dict[str, Any], *, without: str = ""
) -> bytes:
    """A block's JSON with other values of some fields; numbers that cannot be written keep the
    bytes in which they came."""
    fields = {name: kept for name, kept in value.items() if name != without}
    try:
        return msgspec.json.encode({**fields, **changes})
    except UNREADABLE:
        came = _FIELDS.decode(raw)
        return msgspec.json.encode({**{name: came[name] for name in fields}, **changes})


def _plain(value: Any) -> str:
    """A name as text; none for what has parts."""
    return "" if isinstance(value, (list, dict)) else str(value)


def _other(wire_type: str) -> BlockKind:
    is_result = wire_type.endswith(_PROVIDER_RESULT)
    return BlockKind.PROVIDER_RESULT if is_result else BlockKind.OTHER


def _blocks(content: bytes) -> Iterator[Block]:
    if content.startswith(b'"'):
        yield ContentBlock(
            b'{"type":"text","text":' + content + b"}",
            {"type": "text", "text": _TEXT.decode(content)},
            "text",
            BlockKind.TEXT,
        )
    elif content.startswith(b"["):
        for item in _ITEMS.decode(content):
            yield parse_block(item)


def _flat(value: Any, depth: int = 0) -> str:
    """All texts in a value."""
    if isinstance(value, str):
        return value
    if depth == _DEEPEST:
        return ""
    parts: list[Any] = []
    if isinstance(value, list):
        parts = cast("list[Any]", value)
    elif isinstance(value, dict):
        fields = cast("dict[str, Any]", value)
        parts = [inner for name, inner in fields.items() if not _UNREADABLE.match(name)]
    return "\n".join(filter(None, (_flat(part, depth + 1) for part in parts)))


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
    except UNREADABLE:
        form = raw
    return blake3(form).digest()


def _canonical_message(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    fields = cast("dict[str, Any]", message)
    return {**fields, "content": _without_thinking(_canonical_blocks(fields.get("content")))}


def _canonical_blocks(content: Any, depth: int = 0) -> Any:
    """Content as a list of blocks without markers, nested content too; other values unchanged."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not _is_list(content) or depth == _DEEPEST:
        return content
    return [_canonical_block(block, depth + 1) for block in content]


def _canonical_block(block: Any, depth: int) -> Any:
    bare = _without_marker(block)
    if not isinstance(bare, dict):
        return bare
    fields = cast("dict[str, Any]", bare)
    if fields.get("type") == "tool_result" or _is_list(fields.get("content")):
        return {**fields, "content": _canonical_blocks(fields.get("content"), depth)}
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
