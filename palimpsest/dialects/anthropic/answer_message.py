"""An answer of the provider as the message that the client will send back as the model's."""

from collections.abc import Iterator
from typing import Any, cast

import msgspec

from palimpsest.dialects.anthropic.blocks import THINKING
from palimpsest.dialects.anthropic.sse import SseParser
from palimpsest.runtime.foreign_values import UNREADABLE

_PIECES = {"text_delta": "text", "input_json_delta": "partial_json"}
_SHAPES = (*UNREADABLE, KeyError, TypeError, AttributeError)


def answer_message(answer: bytes, content_type: str) -> bytes | None:
    """The message in an answer, without thinking: from a stream's bytes or a JSON body,
    decompressed. None where it has no content that can be read."""
    streamed = content_type.lower().startswith("text/event-stream")
    try:
        content = _streamed(answer) if streamed else msgspec.json.decode(answer)["content"]
        kept = [block for block in content if block["type"] not in THINKING]
        return msgspec.json.encode({"role": "assistant", "content": kept}) if kept else None
    except _SHAPES:
        return None


def _streamed(answer: bytes) -> list[dict[str, Any]]:
    blocks: dict[int, dict[str, Any]] = {}
    grown: dict[int, list[str]] = {}
    for event in _events(answer):
        if event.get("type") == "content_block_start":
            blocks[event["index"]] = event["content_block"]
        elif event.get("type") == "content_block_delta":
            name = _PIECES.get(event["delta"]["type"])
            if name:
                grown.setdefault(event["index"], []).append(event["delta"][name])
    for index, pieces in grown.items():
        whole = "".join(pieces)
        if blocks[index]["type"] == "text":
            blocks[index]["text"] = whole
        elif whole:
            blocks[index]["input"] = msgspec.json.decode(whole)
    return [blocks[index] for index in sorted(blocks)]


def _events(answer: bytes) -> Iterator[dict[str, Any]]:
    for event in SseParser().feed(answer):
        value: Any = msgspec.json.decode(event.data)
        if isinstance(value, dict):
            yield cast("dict[str, Any]", value)
