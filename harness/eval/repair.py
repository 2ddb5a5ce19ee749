"""Mends what a recording leaves open, so that each prefix is a request the API would take.

Calls without a result get one that says so, results without a call go, results come first, blank
texts go, an assistant never follows itself, nothing of the system's stands before an answer, ids
are unique.
"""

from collections.abc import Iterator
from typing import Any

Message = dict[str, Any]
Origin = tuple[int, bool]

_INTERRUPTED = "[Request interrupted by user for tool use]"
_GO_ON = "Please continue."


def repair_messages(messages: list[Message]) -> tuple[list[Message], list[Origin]]:
    """The mended messages, and for each the index it comes from and whether it is that one's own,
    not one put in beside it."""
    kept = [(i, m) for i, m in enumerate(map(_spoken, messages)) if m["content"]]
    kept = _unique(kept)
    made: list[Message] = []
    origins: list[Origin] = []
    asked: list[str] = []
    for index, message in kept:
        if message["role"] == "assistant":
            if not made or made[-1]["role"] == "assistant":
                made.append({"role": "user", "content": [*_missing(asked), _text(_GO_ON)]})
                origins.append((index, False))
            asked = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
        elif message["role"] == "system":
            if asked:
                continue
        else:
            content = _answered(message["content"], asked)
            asked = []
            if not content:
                continue
            message = {**message, "content": content}
        made.append(message)
        origins.append((index, True))
    return made, origins


def _spoken(message: Message) -> Message:
    """The message as blocks, blank ones left out."""
    content = message["content"]
    blocks = [_text(content)] if isinstance(content, str) else content
    kept = [b for b in blocks if b["type"] != "text" or b["text"].strip()]
    return {**message, "content": kept}


def _answered(blocks: list[Message], asked: list[str]) -> list[Message]:
    """The results of what was asked first, each once, then the rest."""
    results = {block["tool_use_id"]: block for block in blocks if block["type"] == "tool_result"}
    rest = [block for block in blocks if block["type"] != "tool_result"]
    known = [results[use] for use in asked if use in results]
    return [*known, *_missing([use for use in asked if use not in results]), *rest]


def _missing(asked: list[str]) -> Iterator[Message]:
    for use in asked:
        yield {
            "type": "tool_result",
            "tool_use_id": use,
            "content": _INTERRUPTED,
            "is_error": True,
        }


def _unique(messages: list[tuple[int, Message]]) -> list[tuple[int, Message]]:
    """A call id that occurs again gets a suffix, and so does the result after it."""
    seen: set[str] = set()
    renamed: dict[str, str] = {}
    found: list[tuple[int, Message]] = []
    for index, message in messages:
        content: list[Message] = []
        for block in message["content"]:
            if block["type"] == "tool_use":
                use = block["id"]
                renamed[use] = use if use not in seen else f"{use}_{index}"
                seen.add(use)
                block = {**block, "id": renamed[use]}
            elif block["type"] == "tool_result":
                use = block["tool_use_id"]
                block = {**block, "tool_use_id": renamed.get(use, use)}
            content.append(block)
        found.append((index, {**message, "content": content}))
    return found


def _text(text: str) -> Message:
    return {"type": "text", "text": text}
