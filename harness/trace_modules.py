"""Counts the modules of ours that one person's turn touches.

``python -m harness.trace_modules`` starts the embedded Postgres and Temporal, the simulator and a
proxy in this process, teaches it a fact in one conversation, and asks for it in the second turn of
another: lookup, injection, rewrite, forward and settlement are all in that turn. From the request's
arrival to the end of its workflow a profiler notes the module of every function that runs; imports
and start-up do not count, nor do loops that run in an idle proxy too. Prints the number, the
modules by package, and the order of first touch with its transitions between packages.
"""

import argparse
import asyncio
import os
import secrets
import signal
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count, pairwise
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import msgspec
from temporalio.client import Client

from harness.simulator import Simulator, View
from palimpsest.devstack import ports
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_dev import TemporalDev
from palimpsest.runtime import logging as logs
from palimpsest.runtime.settings import Settings
from palimpsest.runtime.wiring.edge_process import run_edge

PACKAGES = ("palimpsest", "api", "activities", "workflows")
FACT = "The staging database of the billing service listens on port 5433 of host db-7."
QUESTION = "Which port does the staging database of the billing service listen on?"
_TOOLS = [{"name": "Bash", "description": "Run it.", "input_schema": {"type": "object"}}]
_IDLE_SECONDS = 8.0
_TIMEOUT = 120.0


class Recorder:
    """Notes the modules of the given top-level packages whose functions run, in order."""

    def __init__(self, packages: Sequence[str]) -> None:
        self._packages = frozenset(packages)
        self._seen: dict[str, None] = {}
        self._idle: frozenset[str] = frozenset()
        self._loops: frozenset[asyncio.Task[Any]] = frozenset()
        self._active = False

    def install(self) -> None:
        """Profile this thread and all that start later; nothing is noted before `begin_idle`."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)

    def begin_idle(self) -> None:
        """Note what runs in a proxy without requests."""
        self._active = True

    def begin_turn(self) -> None:
        """Note what runs from here; our loops that run now count for what is new to them."""
        self._idle, self._seen = frozenset(self._seen), {}
        self._loops = frozenset(task for task in asyncio.all_tasks() if self._is_ours(task))

    def end(self) -> list[str]:
        """The modules, in the order of first touch."""
        self._active = False
        sys.setprofile(None)
        threading.setprofile(None)
        return list(self._seen)

    def _profile(self, frame: FrameType, event: str, argument: object) -> None:
        if not self._active or event != "call":
            return
        module = frame.f_globals.get("__name__", "")
        if module in self._seen or module.partition(".")[0] not in self._packages:
            return
        if _is_import(frame) or (module in self._idle and self._in_loop()):
            return
        self._seen[module] = None

    def _in_loop(self) -> bool:
        with suppress(RuntimeError):
            return asyncio.current_task() in self._loops
        return False

    def _is_ours(self, task: asyncio.Task[Any]) -> bool:
        frame = getattr(task.get_coro(), "cr_frame", None)
        return bool(frame) and frame.f_globals["__name__"].partition(".")[0] in self._packages


def _is_import(frame: FrameType | None) -> bool:
    """Whether a module is being imported further up the stack."""
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals["__name__"] != "__main__":
            return frame.f_globals["__name__"] not in ("runpy", "threading")
        frame = frame.f_back
    return False


class Conversation:
    """One conversation of a person, as Claude Code sends it."""

    def __init__(self, url: str, project: str) -> None:
        self._url = url
        self._system = f"Environment\n - Primary working directory: {project}\n - Shell: bash"
        self._messages: list[dict[str, Any]] = []
        self._headers = {
            "x-api-key": "sk-ant-test",
            "anthropic-version": "2023-06-01",
            "x-claude-code-session-id": secrets.token_hex(8),
        }

    async def say(self, words: str) -> httpx.Headers:
        """One turn, its answer streamed to the end; the response's headers."""
        self._messages.append({"role": "user", "content": words})
        body = {
            "model": "claude-sonnet-4-5",
            "max_tokens": 1_000,
            "stream": True,
            "system": [{"type": "text", "text": self._system}],
            "tools": _TOOLS,
            "messages": self._messages,
        }
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            answer = await client.post(
                f"{self._url}/v1/messages",
                content=msgspec.json.encode(body),
                headers=self._headers,
            )
        answer.raise_for_status()
        self._messages.append({"role": "assistant", "content": "Very well."})
        return answer.headers


@asynccontextmanager
async def running_proxy(settings: Settings) -> AsyncGenerator[str]:
    """A proxy that serves in this process, by its URL."""
    url = f"http://{settings.host}:{settings.port}"
    serving = asyncio.create_task(run_edge(settings))
    try:
        async with asyncio.timeout(_TIMEOUT), httpx.AsyncClient(trust_env=False) as client:
            while not await _is_ready(client, url):
                if serving.done():
                    await serving
                await asyncio.sleep(0.1)
        yield url
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await serving


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    with suppress(httpx.HTTPError):
        return (await client.get(f"{url}/readyz")).status_code == 200
    return False


async def trace(packages: Sequence[str]) -> list[str]:
    """The modules that one person's turn touches, in the order of first touch."""
    recorder = Recorder(packages)
    recorder.install()
    project = f"/srv/{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="palimpsest-trace-") as name:
        directory = Path(name)
        async with (
            EmbeddedPostgres.running(directory) as postgres,
            TemporalDev.running(directory) as temporal,
            Simulator.serve() as upstream,
        ):
            upstream.script.generator = _answer
            values = {
                "data_dir": directory / "data",
                "port": ports.choose({"proxy": None})["proxy"],
                "upstream_url": upstream.url,
                "temporal_address": temporal.address,
                "database_url": postgres.url,
                "log_level": "error",
                "drain_timeout": 2,
                "intelligence_deadline": 20,
            }
            async with running_proxy(_settings(values, learning_idle=0, learning_rate=100)) as url:
                await _teach(url, project)
            async with running_proxy(_settings(values)) as url:
                engine = await Client.connect(temporal.address)
                return await _ask(url, project, engine, recorder)


def _settings(values: dict[str, Any], **changes: Any) -> Settings:
    settings = Settings(**{**values, **changes})
    logs.configure(settings.log_format, settings.log_level)
    return settings


def _answer(view: View) -> list[dict[str, Any]]:
    return [{"type": "text", "text": "Very well."}]


async def _teach(url: str, project: str) -> None:
    """State the fact in a conversation, and wait until another one has it injected."""
    conversation = Conversation(url, project)
    await conversation.say(f"I work in {project}.")
    await conversation.say(FACT)
    async with asyncio.timeout(_TIMEOUT):
        # Each with other words: the decision on a request is recorded, and would be replayed.
        for number in count():
            if _is_hit(await Conversation(url, project).say(f"{number}: {QUESTION}")):
                return
            await asyncio.sleep(0.5)


async def _ask(url: str, project: str, engine: Client, recorder: Recorder) -> list[str]:
    conversation = Conversation(url, project)
    await conversation.say(f"I go on in {project}.")
    recorder.begin_idle()
    await asyncio.sleep(_IDLE_SECONDS)
    recorder.begin_turn()
    headers = await conversation.say(QUESTION)
    handle = engine.get_workflow_handle(headers["x-palimpsest-request-id"])
    async with asyncio.timeout(_TIMEOUT):
        while (await handle.describe()).close_time is None:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    modules = recorder.end()
    if not _is_hit(headers):
        raise RuntimeError(f"the turn had no memory injected: {dict(headers)}")
    return modules


def _is_hit(headers: httpx.Headers) -> bool:
    return headers.get("x-palimpsest-intelligence", "").startswith("hit")


def package_of(module: str) -> str:
    """The package that a module belongs to: `palimpsest.store` of `palimpsest.store.blobs`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "palimpsest" else parts[0]


def render(modules: Sequence[str]) -> str:
    """The count, the list by package, and the order of first touch."""
    packages: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules:
        packages[package_of(module)].append(module)
    lines = [f"{len(modules)} modules in {len(packages)} packages"]
    for package, names in sorted(packages.items()):
        lines += ["", f"{package}: {len(names)}", *(f"  {name}" for name in sorted(names))]
    order = [package_of(module) for module in modules]
    moves = [after for before, after in pairwise(order) if before != after]
    visits = moves and [order[0], *moves]
    returns = len(visits) - len(set(visits))
    lines += ["", "Order of first touch:", *(f"  {name}" for name in modules)]
    lines += ["", f"{len(moves)} transitions between packages, {returns} of them back into one"]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.trace_modules", description=__doc__)
    parser.add_argument("packages", nargs="*", default=PACKAGES, help="top-level, ours")
    print(render(asyncio.run(trace(parser.parse_args().packages))))


if __name__ == "__main__":
    main()
