"""A pseudo-terminal with an interactive program in it."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

_ROWS, _COLUMNS = 40, 120
_CONTROLS = re.compile(rb"\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b\][^\x07]*\x07")


class Terminal:
    """``shown`` is all the program wrote, without its colours and cursor movements."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._written = b""
        self._changed = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def running(
        cls, program: Path, cwd: Path, env: Mapping[str, str]
    ) -> AsyncGenerator[Self]:
        """Start ``program``; it is killed after the block."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0))
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                cwd=cwd,
                env={**env, "TERM": "xterm-256color"},
                stdin=slave,
                stdout=slave,
                stderr=slave,
                start_new_session=True,
            )
        finally:
            os.close(slave)
        terminal = cls(master)
        loop = asyncio.get_running_loop()
        loop.add_reader(master, terminal._read)
        try:
            yield terminal
        finally:
            loop.remove_reader(master)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            os.close(master)

    @property
    def shown(self) -> str:
        return _CONTROLS.sub(b"", self._written).decode(errors="replace")

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    async def until(self, text: str, patience: float = 30) -> None:
        """Wait until the program has written ``text``, spaces aside, since it moves over them."""
        wanted = text.replace(" ", "")
        try:
            async with asyncio.timeout(patience):
                while wanted not in self.shown.replace(" ", ""):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"{text!r} did not appear in: {self.shown[-2000:]}") from None

    def _read(self) -> None:
        with suppress(OSError):
            self._written += os.read(self._master, 65536)
        self._changed.set()
