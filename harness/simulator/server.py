"""Runs a simulator: in this process for a test, or in the foreground."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path

import uvicorn
import uvloop
from uvicorn.server import ServerState

from harness.simulator.api import Api
from harness.simulator.app import App
from harness.simulator.cache import PromptCache
from harness.simulator.faults import Faults
from harness.simulator.log import Log
from harness.simulator.pace import Pace
from harness.simulator.script import Script, Step
from harness.simulator.wire import WireProtocol


def config(app: App) -> uvicorn.Config:
    """uvicorn, quiet and fast."""
    return uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType] - a bare ASGI app without websocket or lifespan
        http=WireProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_keep_alive=75,
        backlog=2048,
        timeout_graceful_shutdown=1,
    )


class Simulator:
    """A simulated provider at ``url``. See `Log`, `Faults`, `Script`, `Pace` for its parts."""

    def __init__(self, app: App, url: str) -> None:
        self.app, self.url = app, url

    @property
    def log(self) -> Log:
        return self.app.log

    @property
    def faults(self) -> Faults:
        return self.app.faults

    @property
    def script(self) -> Script:
        return self.app.api.script

    @property
    def pace(self) -> Pace:
        return self.app.pace

    @property
    def cache(self) -> PromptCache:
        return self.app.api.cache

    @classmethod
    @contextlib.asynccontextmanager
    async def serve(
        cls,
        *,
        port: int = 0,
        script: Sequence[Step] = (),
        pace: Pace | None = None,
        lenient: bool = False,
        log_file: Path | None = None,
        keep: int = 10_000,
        window: int | None = None,
        validates_sum: bool | None = None,
        clock: Callable[[], float] = time.time,
    ) -> "AsyncGenerator[Simulator]":
        """A simulator on a free port of 127.0.0.1 in this event loop, until the block ends.

        ``keep``: how many calls the log holds; ``window``: tokens, instead of the models' own;
        ``clock``: the prompt cache's seconds.
        """
        log = Log(log_file, bodies=not lenient, keep=keep)
        app = make_app(log, script=script, pace=pace, lenient=lenient, clock=clock)
        app.api.window, app.api.validates_sum = window, validates_sum
        with contextlib.closing(log):
            async with _listening(app, listen(port)) as bound:
                yield cls(app, f"http://127.0.0.1:{bound}")


@contextlib.asynccontextmanager
async def _listening(app: App, sock: socket.socket) -> AsyncGenerator[int]:
    """uvicorn's protocol without its server, which handles signals and takes 0.2 s to end."""
    settings = config(app)
    settings.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: WireProtocol(settings, state, {}, loop), sock=sock)
    try:
        yield sock.getsockname()[1]
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        answers = list(state.tasks)
        for answer in answers:
            answer.cancel()
        if answers:
            await asyncio.wait(answers)
        await server.wait_closed()


def make_app(
    log: Log,
    *,
    script: Sequence[Step] = (),
    pace: Pace | None = None,
    lenient: bool = False,
    clock: Callable[[], float] = time.time,
) -> App:
    """The application, wired."""
    api = Api(script=Script(script), clock=clock)
    return App(log, api, pace=pace or Pace(), lenient=lenient)


def listen(port: int) -> socket.socket:
    """A listening TCP socket on 127.0.0.1; port 0 takes a free one."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.setblocking(False)
    sock.listen(2048)
    return sock


def run(
    port: int, *, log_file: Path | None, lenient: bool, bodies: bool, keep: int, pace: Pace
) -> None:
    """Serve in the foreground until SIGTERM or SIGINT; prints one line when it listens."""
    log = Log(log_file, bodies=bodies, keep=keep)
    sock = listen(port)
    settings = config(make_app(log, pace=pace, lenient=lenient))
    server = uvicorn.Server(settings)
    print(f"listening on http://127.0.0.1:{sock.getsockname()[1]}", flush=True)
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(server.serve(sockets=[sock]))
    log.close()
