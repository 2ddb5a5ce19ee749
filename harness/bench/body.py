"""``python -m harness.bench.body``: what a 400 KB body costs the proxy more than one of 1 KB."""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec

from harness.bench.job import Job
from harness.bench.palimpsest import palimpsest
from harness.bench.percentiles import percentiles
from harness.bench.simulator import simulator
from harness.bench.target import Target, measure, open_conversations
from palimpsest.runtime.errors import StartupFailed

SIZES = (1, 400)


class Cost(msgspec.Struct, frozen=True):
    """``cpu_ms`` a request of the proxy's processes; ``ttfb_ms`` the median to the first byte."""

    cpu_ms: float
    ttfb_ms: float


async def cost(target: Target, body_kb: int, seconds: float) -> Cost:
    job = Job(url=target.url, clients=1, body_kb=body_kb, stream=True, seconds=seconds)
    measured = await measure(target, job)
    outcome = measured.outcome
    if outcome.failures:
        raise StartupFailed(f"{target.name}: {outcome.failures[0]}")
    cpu = measured.cpu["proxy"] * 1000 / outcome.requests
    return Cost(cpu, percentiles(outcome.ttfb_ms).p50)


async def run(rounds: int, seconds: float) -> dict[tuple[str, int], Cost]:
    """The medians of the rounds, by target and size."""
    costs: dict[tuple[str, int], list[Cost]] = {}
    with tempfile.TemporaryDirectory(prefix="palimpsest-bench-") as name:
        directory = Path(name)
        async with (
            simulator(directory) as direct,
            palimpsest(directory, direct, "dev") as (proxy, _),
        ):
            for target in (direct, proxy):
                await open_conversations(target, max(SIZES), 1)
            for _ in range(rounds):
                for target in (direct, proxy):
                    for size in SIZES:
                        found = await cost(target, size, seconds)
                        costs.setdefault((target.name, size), []).append(found)
    return {
        key: Cost(
            statistics.median(one.cpu_ms for one in found),
            statistics.median(one.ttfb_ms for one in found),
        )
        for key, found in costs.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.bench.body", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    try:
        costs = asyncio.run(run(options.rounds, options.seconds))
    except StartupFailed as error:
        sys.exit(f"bench: {error}")
    added: dict[int, float] = {}
    for size in SIZES:
        direct, proxy = costs["direct", size], costs["palimpsest", size]
        added[size] = proxy.ttfb_ms - direct.ttfb_ms
        print(
            f"{size:>4} KB: proxy {proxy.cpu_ms:.2f} ms CPU a request; first byte "
            f"{proxy.ttfb_ms:.2f} ms, {direct.ttfb_ms:.2f} ms direct: {added[size]:.2f} ms added"
        )
    small, large = costs["palimpsest", SIZES[0]], costs["palimpsest", SIZES[1]]
    print(
        f"400 KB against 1 KB: {large.cpu_ms - small.cpu_ms:+.2f} ms CPU in the proxy, "
        f"{added[SIZES[1]] - added[SIZES[0]]:+.2f} ms more until the first byte"
    )


if __name__ == "__main__":
    main()
