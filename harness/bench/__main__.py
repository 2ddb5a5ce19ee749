"""``make bench``: direct, Palimpsest, the floor and LiteLLM side by side on this machine."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from harness.bench.job import Job
from harness.bench.litellm import litellm
from harness.bench.options import Options, parse
from harness.bench.palimpsest import Engine, palimpsest
from harness.bench.results import (
    Cell,
    Results,
    Row,
    machine,
    row,
    write,
)
from harness.bench.simulator import simulator
from harness.bench.table import render
from harness.bench.target import (
    Measurement,
    Target,
    measure,
    open_conversations,
)
from palimpsest.runtime.errors import StartupFailed

ENGINES: tuple[Engine, ...] = ("dev", "postgres")
FAILURES_SHOWN = 10


@asynccontextmanager
async def running(options: Options, directory: Path) -> AsyncGenerator[list[Target]]:
    """The chosen targets, all ready, in the order they were asked for."""
    targets: dict[str, Target] = {}
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(simulator(directory))
        targets["direct"] = upstream
        for engine in ENGINES:
            suffix = "" if engine == "dev" else f"-{engine}"
            if {f"palimpsest{suffix}", f"floor{suffix}"} & set(options.targets):
                print(f"· starting Palimpsest, engine {engine}", flush=True)
                pair = await stack.enter_async_context(palimpsest(directory, upstream, engine))
                targets.update({target.name: target for target in pair})
        if "litellm" in options.targets:
            print("· starting LiteLLM", flush=True)
            target = await stack.enter_async_context(litellm(directory, upstream))
            targets["litellm"] = target
        yield [targets[name] for name in options.targets]


async def measure_cell(options: Options, cell: Cell, targets: list[Target]) -> list[Row]:
    """Every target in turn, as many times as there are rounds; failures go to stderr."""
    rounds: dict[str, list[Measurement]] = {target.name: [] for target in targets}
    for _ in range(options.rounds):
        for target in targets:
            job = Job(
                url=target.url,
                clients=cell.clients,
                body_kb=cell.body_kb,
                stream=cell.stream,
                seconds=options.seconds,
                warm_up=options.warm_up,
                api_key=target.api_key,
            )
            measured = await measure(target, job)
            rounds[target.name].append(measured)
            for failure in measured.outcome.failures[:FAILURES_SHOWN]:
                print(f"! {target.name} {cell}: {failure}", file=sys.stderr, flush=True)
    rows: list[Row] = []
    for name, of_target in rounds.items():
        found = row(name, cell, of_target)
        if found is None:
            raise StartupFailed(f"{name} {cell}: no request ended within the window")
        rows.append(found)
    return rows


async def first_requests(options: Options, targets: list[Target]) -> None:
    """Let every target import, connect and cache what it does lazily, outside any row."""
    sizes = {cell.body_kb for cell in options.cells}
    for target in targets:
        for body_kb in sizes:
            await open_conversations(target, body_kb, max(cell.clients for cell in options.cells))
        for stream in (True, False):
            job = Job(
                url=target.url,
                clients=4,
                body_kb=1,
                stream=stream,
                seconds=1,
                api_key=target.api_key,
            )
            await measure(target, job)


async def run(options: Options) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="palimpsest-bench-") as directory:
        async with running(options, Path(directory)) as targets:
            await first_requests(options, targets)
            rows: list[Row] = []
            for number, cell in enumerate(options.cells, 1):
                rows += await measure_cell(options, cell, targets)
                rates = ", ".join(f"{row.target} {row.rps:.0f}" for row in rows[-len(targets) :])
                print(
                    f"· {number}/{len(options.cells)} {cell.clients} clients, {cell.body_kb} KB, "
                    f"{'streaming' if cell.stream else 'not streaming'}: {rates}",
                    flush=True,
                )
            return rows


def main() -> None:
    options = parse()
    try:
        rows = asyncio.run(run(options))
    except StartupFailed as error:
        sys.exit(f"bench: {error}")
    write(Results(machine(), rows), options.output)
    print(f"\n{render(rows)}\n\nwritten to {options.output}")
    if failed := sum(row.failures for row in rows):
        sys.exit(f"bench: {failed} requests failed")


if __name__ == "__main__":
    main()
