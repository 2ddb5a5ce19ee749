"""One message taken apart into its blocks, each in the bytes it came in, and put together again.

A message whose shape is unknown has no blocks and is never changed. A block's *number* is its
place among the message's blocks without thinking, so that it is the same in every form in which a
client sends the message.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

THINKING = ("thinking", "redacted_thinking")

_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_VALUE = msgspec.json.Decoder(dict[str, Any])
_TEXT = msgspec.json.Decoder(str)
_SHAPES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a message: its bytes, and what they say."""

    raw: bytes = field(repr=False)
    value: dict[str, Any]
    kind: str
    """Its `type`; empty if it has none."""

    @property
    def is_thinking(self) -> bool:
        return self.kind in THINKING

    def text(self) -> str:
        """What a text block says; empty for others."""
        text = self.value.get("text") if self.kind == "text" else None
        return text if isinstance(text, str) else ""


@dataclass(frozen=True, slots=True)
class Message:
    """``fields`` holds the raw values of all but ``content``; ``blocks`` includes thinking."""

    role: str
    blocks: tuple[Block, ...]
    fields: dict[str, bytes] = field(repr=False)

    def numbered(self) -> Iterator[tuple[int, Block]]:
        """The blocks that have a number, with it."""
        return enumerate(block for block in self.blocks if not block.is_thinking)


def take_apart(raw: bytes) -> Message:
    """The message as blocks; a string content is one text block."""
    try:
        fields = {name: bytes(value) for name, value in _FIELDS.decode(raw).items()}
        content = fields.pop("content", b"")
        role = _TEXT.decode(fields.get("role", b'""'))
        return Message(role, tuple(_blocks(content)), fields)
    except _SHAPES:
        return Message("", (), {})


def put_together(message: Message, blocks: Sequence[bytes]) -> bytes:
    """The message with these blocks for its content."""
    fields = {**message.fields, "content": b"[" + b",".join(blocks) + b"]"}
    pairs = (msgspec.json.encode(name) + b":" + value for name, value in fields.items())
    return b"{" + b",".join(pairs) + b"}"


def text_block(text: str) -> bytes:
    """A text block as it goes into a message."""
    return msgspec.json.encode({"type": "text", "text": text})


def result_text(block: dict[str, Any]) -> str:
    """The text of a tool result: a string, or the text blocks of a list."""
    content = block.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = cast("list[Any]", content)
    texts = (cast("dict[str, Any]", part).get("text") for part in parts if isinstance(part, dict))
    return "\n".join(text for text in texts if isinstance(text, str))


def _blocks(content: bytes) -> Iterator[Block]:
    if content.startswith(b'"'):
        yield Block(
            b'{"type":"text","text":' + content + b"}",
            {"type": "text", "text": _TEXT.decode(content)},
            "text",
        )
    elif content.startswith(b"["):
        for item in _ITEMS.decode(content):
            value = _VALUE.decode(item)
            kind = value.get("type")
            yield Block(bytes(item), value, kind if isinstance(kind, str) else "")
