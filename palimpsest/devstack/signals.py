"""Ctrl-C and its kin: the first asks to stop, the second to hurry."""

import asyncio
import signal
from collections.abc import Coroutine, Generator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """``asked`` is set by the first signal, ``hurry`` by the second."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurry = asyncio.Event()

    @contextmanager
    def on_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()
        heeded = [number for number in SIGNALS if not _is_nohup(number)]
        for number in heeded:
            loop.add_signal_handler(number, self._received)
        try:
            yield
        finally:
            for number in heeded:
                loop.remove_signal_handler(number)

    async def unless(self, work: Coroutine[None, None, None]) -> None:
        """Do ``work`` until asked to stop, then cancel it and wait for its end."""
        if self.asked.is_set():
            work.close()
            return
        await _first(asyncio.ensure_future(work), self.asked)

    async def unless_hurried(self, work: asyncio.Future[None]) -> bool:
        """Wait for ``work`` and leave it running when hurried: whether it ended first."""
        waiter = asyncio.ensure_future(self.hurry.wait())
        try:
            await asyncio.wait({work, waiter}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        return work.done()

    def _received(self) -> None:
        (self.hurry if self.asked.is_set() else self.asked).set()


def _is_nohup(number: signal.Signals) -> bool:
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


async def _first(work: asyncio.Future[None], event: asyncio.Event) -> None:
    waiter = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({work, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
        if not work.done():
            work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        work.result()
