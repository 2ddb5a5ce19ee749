"""Events of a streamed answer."""

from harness.simulator.events import event

SSE = "text/event-stream; charset=utf-8"


def delta(kind: str, value: str) -> bytes:
    """One of a content block's deltas."""
    field = kind.removesuffix("_delta")
    return event("content_block_delta", index=0, delta={"type": kind, field: value})
