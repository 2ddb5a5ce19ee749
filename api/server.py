"""The HTTP server of an edge: binds its port, serves until it is told to stop, drains."""

import asyncio
import gc
import resource
import signal
import socket
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import cast

import structlog
import uvicorn
from starlette.types import ASGIApp

from api.admission import build_admission
from api.app import build_app
from api.connection import Bounds, EdgeProtocol
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.runtime.errors import StartupFailed
from palimpsest.runtime.parts import Process

_KEEP_ALIVE_SECONDS = 75
_COLLECT_AFTER = 10_000
_MOST_FILES = 65_536

_log = structlog.stdlib.get_logger()


class EdgeServer(uvicorn.Server):
    """Signals are ours: the first one drains."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def edge_config(app: ASGIApp, bounds: Bounds | None = None) -> uvicorn.Config:
    """uvicorn without its own logs, headers and opinions on signals."""
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", partial(EdgeProtocol, bounds=bounds)),
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


async def serve(process: Process, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; returns when every stream has ended or its time is up."""
    settings = process.settings
    admission = build_admission(settings)
    bounds = Bounds(head_seconds=settings.header_timeout, body_seconds=settings.body_timeout)
    server = EdgeServer(edge_config(build_app(process, admission), bounds))
    raise_file_limit()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    _spare_the_collector()
    _log.info("serving", host=settings.host, port=settings.port)
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    admission.draining = True
    admission.room.close()
    await _drain(process.exchanges, settings.drain_timeout)
    server.should_exit = True
    await serving


def raise_file_limit() -> None:
    """Each client is an open file, and so is each call for one: as many as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _spare_the_collector() -> None:
    """What is loaded by now stays: looking through it again and again took 5 % of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


async def _drain(exchanges: ExchangeRegistry, timeout: float) -> None:
    """Nobody new is let in; who is in may finish."""
    _log.info("draining", requests=len(exchanges))
    try:
        async with asyncio.timeout(timeout):
            await exchanges.wait_until_empty()
    except TimeoutError:
        _log.warning("requests were still running", requests=len(exchanges))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; raises StartupFailed where the port cannot be had."""
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
