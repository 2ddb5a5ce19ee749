"""A worker process with no HTTP edge: it carries on the workflows whose process died.

With REDIS_URL it also calls upstream, for edges that then only hold the clients. Without, calls
stay with the edges.
"""

import asyncio
import signal

import structlog
import uvloop

from palimpsest.runtime import logging as logs
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.root import proxy_process

_log = structlog.stdlib.get_logger()


async def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT."""
    async with proxy_process(settings, edge=False):
        stop = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, stop.set)
        _log.info("working")
        await stop.wait()


def main() -> None:
    settings = Settings.load()
    logs.configure(settings.log_format, settings.log_level)
    try:
        uvloop.run(run(settings))
    except PalimpsestError as error:
        raise SystemExit(f"palimpsest: {error}") from None


if __name__ == "__main__":
    main()
