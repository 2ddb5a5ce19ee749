"""Work on a body, kept from holding up the event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

INLINE_BYTES = 1024 * 1024
T = TypeVar("T")


async def beside(size: int, work: Callable[[], T]) -> T:
    """The result of splitting, hashing or joining a body of ``size`` bytes: on a thread where that
    takes long, since the way there and back takes time as well."""
    if size <= INLINE_BYTES:
        return work()
    return await asyncio.to_thread(work)
