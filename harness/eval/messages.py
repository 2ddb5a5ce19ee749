"""Reading decoded messages."""

from collections.abc import Iterator
from typing import Any, cast

from harness.simulator.canonical import THINKING
from harness.simulator.shape import blocks

Message = dict[str, Any]


def results(message: Message) -> Iterator[Message]:
    """The tool results of a message."""
    return (b for b in blocks(message["content"]) if b.get("type") == "tool_result")


def calls(message: Message) -> Iterator[Message]:
    """The tool calls of a message."""
    return (b for b in blocks(message["content"]) if b.get("type") == "tool_use")


def is_spoken(message: Message) -> bool:
    """Whether a user's message is words alone."""
    return message["role"] == "user" and not any(results(message))


def without_thinking(message: Message) -> Message | None:
    """The message, None if nothing is left of it."""
    if message["role"] != "assistant":
        return message
    kept = [b for b in blocks(message["content"]) if b.get("type") not in THINKING]
    return {**message, "content": kept} if kept else None


def result_text(block: Message) -> str:
    """What a tool result says."""
    content = block.get("content")
    if isinstance(content, str):
        return content
    parts = cast("list[Message]", content or [])
    return "\n".join(str(part.get("text", "")) for part in parts)
