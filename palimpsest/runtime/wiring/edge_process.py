"""Runs an edge: a proxy process with the HTTP application in front of it."""

from api.server import bind, serve
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.root import proxy_process


async def run_edge(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; raises StartupFailed where the port cannot be had."""
    listener = bind(settings.host, settings.port)
    async with proxy_process(settings) as process:
        await serve(process, listener)
