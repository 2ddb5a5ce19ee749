"""Loops that run for as long as a process does."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack


def run_loop(stack: AsyncExitStack, loop: Coroutine[None, None, None]) -> None:
    """Run ``loop`` until ``stack`` unwinds to here."""
    stack.callback(asyncio.create_task(loop).cancel)
