"""Lines on the terminal for whatever takes longer than a second."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

Say = Callable[[str], None]


def say(line: str) -> None:
    """One line to stderr, which may be gone with its terminal."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def silent(line: str) -> None:
    """For tests and for callers who want no line."""


@asynccontextmanager
async def announced(what: str, say: Say, after: float = 1.0) -> AsyncGenerator[None]:
    """Say ``what`` if the block takes longer than ``after`` seconds, and again every ten."""
    began = time.monotonic()

    async def speak() -> None:
        await asyncio.sleep(after)
        say(f"· {what} …")
        while True:
            await asyncio.sleep(10)
            say(f"· {what} … {time.monotonic() - began:.0f} s")

    speaker = asyncio.create_task(speak())
    try:
        yield
    finally:
        speaker.cancel()
        await asyncio.gather(speaker, return_exceptions=True)
