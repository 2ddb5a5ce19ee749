"""A proxy process: binds its port, serves until it is told to stop, drains."""

import asyncio
import gc
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager

import structlog
import uvicorn
from starlette.types import ASGIApp

from api.app import build_app
from api.connection import EdgeProtocol
from api.proxy import Proxy
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring import proxy_process

_KEEP_ALIVE_SECONDS = 75
_COLLECT_AFTER = 10_000

_log = structlog.stdlib.get_logger()


class EdgeServer(uvicorn.Server):
    """Signals are ours: the first one drains."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def edge_config(app: ASGIApp) -> uvicorn.Config:
    """uvicorn without its own logs, headers and opinions on signals."""
    return uvicorn.Config(
        app,
        http=EdgeProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )


async def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; returns when every stream has ended or its time is up."""
    listener = _bind(settings.host, settings.port)
    async with proxy_process(settings) as proxy:
        server = EdgeServer(edge_config(build_app(proxy)))
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopping = asyncio.create_task(stop.wait())
        _spare_the_collector()
        _log.info("serving", host=settings.host, port=settings.port)
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await _drain(proxy, settings.drain_timeout)
        server.should_exit = True
        await serving


def _spare_the_collector() -> None:
    """What is loaded by now stays: looking through it again and again took 5 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


async def _drain(proxy: Proxy, timeout: float) -> None:
    """Nobody new is let in; who is in may finish."""
    proxy.admission.draining = True
    _log.info("draining", requests=len(proxy.exchanges))
    try:
        async with asyncio.timeout(timeout):
            await proxy.exchanges.none_left()
    except TimeoutError:
        _log.warning("requests were still running", requests=len(proxy.exchanges))


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartupFailed(
            f"port {port} on {host} cannot be had ({error.strerror}); set PALIMPSEST_PORT"
        ) from error
    listener.listen(2048)
    listener.setblocking(False)
    return listener
