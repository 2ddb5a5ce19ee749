"""What every service of the stack shares: it is one child process, launched again and again."""

import signal
from typing import ClassVar

from palimpsest.devstack.process import Child


class OneChild:
    """``stop`` sends ``STOP``, and SIGKILL after ``patience`` seconds."""

    STOP: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._child: Child | None = None

    @property
    def child(self) -> Child:
        assert self._child is not None, "not started"
        return self._child

    async def stop(self) -> None:
        if self._child is not None:
            await self._child.stop(self.STOP, self._patience)
