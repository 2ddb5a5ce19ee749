"""How much of what was forwarded on one turn is a prefix of what is forwarded on the next."""

from collections.abc import Sequence

import msgspec

from harness.simulator.canonical import (
    block_digest,
    digest,
    plain,
    system_blocks,
)
from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)


def prompt(body: bytes) -> list[bytes]:
    """The canonical blocks of a request in the API's order: tools, system, messages."""
    request: Obj = msgspec.json.decode(body)
    found = [digest(["tool", plain(obj(tool))]) for tool in arr(request.get("tools"))]
    found += [block_digest("system prompt", block) for _, block in system_blocks(request)]
    for message in map(obj, arr(request["messages"])):
        role = str(message["role"])
        found += [block_digest(role, block) for block in blocks(message["content"])]
    return found


def kept(before: Sequence[bytes], now: Sequence[bytes]) -> float:
    """The share of ``before``, 0 to 1, with which ``now`` begins."""
    same = next(
        (i for i, (a, b) in enumerate(zip(before, now, strict=False)) if a != b),
        min(len(before), len(now)),
    )
    return same / len(before)
