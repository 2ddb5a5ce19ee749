"""`cache_control`: at most four breakpoints, their kinds, and the order of their TTLs."""

from collections.abc import Iterator
from typing import Any

from harness.simulator.cache import Ttl
from harness.simulator.problem import invalid
from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)

LIMIT = 4


def ttl(block: Obj) -> Ttl | None:
    """The TTL of a block's marker, None without one; a result's inner marker counts for it."""
    control = block.get("cache_control")
    if control is None and block.get("type") == "tool_result":
        inner: list[Ttl] = [found for b in blocks(block.get("content")) if (found := ttl(b))]
        return inner[-1] if inner else None
    if control is None:
        return None
    return "1h" if obj(control).get("ttl") == "1h" else "5m"


def marked(body: Obj) -> Iterator[tuple[str, Obj, Any]]:
    """Every block with a marker as (path, block, marker), in the prompt's order."""
    for i, tool in enumerate(map(obj, arr(body.get("tools")))):
        yield from _own(f"tools.{i}", tool)
    if not isinstance(body.get("system"), str):
        for i, block in enumerate(blocks(body.get("system"))):
            yield from _own(f"system.{i}", block)
    for i, message in enumerate(map(obj, arr(body.get("messages")))):
        if isinstance(message.get("content"), str):
            continue
        for j, block in enumerate(blocks(message.get("content"))):
            path = f"messages.{i}.content.{j}"
            for k, inner in enumerate(blocks(block.get("content"))):
                yield from _own(f"{path}.content.{k}", inner)
            yield from _own(path, block)


def _own(path: str, block: Obj) -> Iterator[tuple[str, Obj, Any]]:
    if block.get("cache_control") is not None:
        yield path, block, block["cache_control"]


def check(body: Obj) -> None:
    """Raise `Problem` for a marker that the API would refuse."""
    found = list(marked(body))
    count = len(found) + (body.get("cache_control") is not None)
    if count > LIMIT:
        raise invalid(
            f"A maximum of {LIMIT} blocks with cache_control may be provided. Found {count}."
        )
    short = False
    for path, block, marker in found:
        control = obj(marker)
        if control.get("type") != "ephemeral":
            raise invalid(f"{path}.cache_control.type: Input should be 'ephemeral'")
        if control.get("ttl", "5m") not in ("5m", "1h"):
            raise invalid(f"{path}.cache_control.ttl: Input should be '5m' or '1h'")
        if block.get("type") == "text" and not block.get("text"):
            raise invalid(f"{path}.text: cache_control cannot be set for empty text blocks")
        if control.get("ttl") == "1h" and short:
            raise invalid(
                f"{path}.cache_control.ttl: a ttl='1h' cache_control block must not come after a"
                " ttl='5m' cache_control block. Note that blocks are processed in the following"
                " order: `tools`, `system`, `messages`."
            )
        short = short or control.get("ttl") != "1h"
