"""A bounded wait for a database that is away: it is often back within seconds."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from palimpsest.runtime.errors import DatabaseUnavailable

_PAUSE_SECONDS = 0.25
T = TypeVar("T")


async def patiently(seconds: float, call: Callable[[], Awaitable[T]]) -> T:
    """What ``call``, which is safe to repeat, returns; its last DatabaseUnavailable when the time
    is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while True:
        try:
            return await call()
        except DatabaseUnavailable:
            if loop.time() + _PAUSE_SECONDS > deadline:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
