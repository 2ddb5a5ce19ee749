"""A message as the events of its stream: real order, real field order, `event:` lines."""

from typing import Any

import msgspec

from harness.simulator.shape import Obj, arr

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def event(kind: str, /, **fields: Any) -> bytes:
    """One server-sent event."""
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def slices(text: str, size: int) -> list[str]:
    """The text in pieces of ``size`` characters."""
    return [text[i : i + size] for i in range(0, len(text), max(size, 1))]


def _text(block: Obj, size: int) -> tuple[Obj, list[Obj]]:
    deltas: list[Obj] = [
        {"type": "citations_delta", "citation": citation}
        for citation in arr(block.get("citations"))
    ]
    deltas += [{"type": "text_delta", "text": piece} for piece in slices(block["text"], size)]
    start: Obj = {"type": "text", "text": ""}
    if "citations" in block:
        start["citations"] = []
    return start, deltas


def _thinking(block: Obj, size: int) -> tuple[Obj, list[Obj]]:
    deltas: list[Obj] = [
        {"type": "thinking_delta", "thinking": piece} for piece in slices(block["thinking"], size)
    ]
    deltas.append({"type": "signature_delta", "signature": block["signature"]})
    return {"type": "thinking", "thinking": "", "signature": ""}, deltas


def _use(block: Obj, size: int) -> tuple[Obj, list[Obj]]:
    written = msgspec.json.encode(block["input"]).decode()
    pieces = ["", *slices(written, size)] if block["input"] else [""]
    deltas: list[Obj] = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return {**block, "input": {}}, deltas


def parts(block: Obj, size: int) -> tuple[Obj, list[Obj]]:
    """A content block as its `content_block_start` form and its deltas."""
    kind = block["type"]
    if kind == "text":
        return _text(block, size)
    if kind == "thinking":
        return _thinking(block, size)
    if kind in ("tool_use", "server_tool_use"):
        return _use(block, size)
    return block, []


def stream(message: Obj, *, delta_chars: int = 24) -> tuple[list[bytes], int]:
    """The events of a whole message, and the index of the first `content_block_delta`.

    ``message`` is the message as a non-streaming answer would carry it.
    """
    usage: Obj = message["usage"]
    extra = {key: message[key] for key in ("context_management",) if key in message}
    opening: Obj = {
        **{key: value for key, value in message.items() if key not in extra},
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": min(1, usage["output_tokens"])},
    }
    events = [event("message_start", message=opening)]
    first_content = 0
    for index, block in enumerate(message["content"]):
        start, deltas = parts(block, delta_chars)
        events.append(event("content_block_start", index=index, content_block=start))
        if index == 0:
            events.append(PING)
        if deltas and not first_content:
            first_content = len(events)
        events += [event("content_block_delta", index=index, delta=delta) for delta in deltas]
        events.append(event("content_block_stop", index=index))
    final = {
        key: usage[key]
        for key in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
            "server_tool_use",
        )
        if key in usage
    }
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": message["stop_sequence"]}
    events.append(event("message_delta", delta=delta, usage=final, **extra))
    events.append(event("message_stop"))
    return events, first_content or len(events) - 2
