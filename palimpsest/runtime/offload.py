"""Work on a body: on the event loop as long as that takes less than a hop to a thread and back."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

LOOP_BYTES = 1024 * 1024

T = TypeVar("T")
Given = TypeVarTuple("Given")


async def off_the_loop(size: int, work: Callable[[*Given], T], *given: *Given) -> T:
    """The result of ``work`` on so many bytes."""
    if size > LOOP_BYTES:
        return await asyncio.to_thread(work, *given)
    return work(*given)
