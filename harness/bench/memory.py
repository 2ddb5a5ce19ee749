"""``python -m harness.bench.memory``: is the proxy's memory flat over many requests?"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

import msgspec

from harness.bench.job import Job
from harness.bench.palimpsest import palimpsest
from harness.bench.simulator import simulator
from harness.bench.target import Target, measure
from harness.bench.usage import resident_bytes
from palimpsest.runtime.errors import StartupFailed

SLICES = 20
FLAT = 1_000.0
"""Bytes a request that still count as flat. Caches that are bounded fill for some 30,000 requests,
and the allocators' own play moves the slope by 300 bytes from run to run; what a request leaves
behind where its workflow is not let go is 17,000."""


class Growth(msgspec.Struct, frozen=True):
    """``slope`` is in bytes per request, over the second half of the samples."""

    samples: list[tuple[int, int]]
    slope: float

    @property
    def flat(self) -> bool:
        return self.slope <= FLAT


def growth(samples: list[tuple[int, int]]) -> Growth:
    """From (requests so far, bytes): the first half fills pools and caches and is left out."""
    settled = samples[len(samples) // 2 :]
    requests, sizes = zip(*settled, strict=True)
    return Growth(samples, statistics.linear_regression(requests, sizes).slope)


async def sample(target: Target, requests: int, clients: int, body_kb: int) -> Growth:
    """Send the requests in slices and look at the proxy's memory after each."""
    done = 0
    samples: list[tuple[int, int]] = []
    root = next(iter(target.roots))
    for _ in range(SLICES):
        job = Job(
            url=target.url,
            clients=clients,
            body_kb=body_kb,
            stream=True,
            seconds=3600,
            warm_up=0,
            max_requests=requests // SLICES,
        )
        outcome = (await measure(target, job)).outcome
        if outcome.failures:
            raise StartupFailed(f"{len(outcome.failures)} failures: {outcome.failures[0]}")
        done += outcome.requests
        sizes = resident_bytes(root)
        samples.append((done, sizes["proxy"]))
        shown = ", ".join(f"{role} {size / 1e6:.0f} MB" for role, size in sorted(sizes.items()))
        print(f"· {done:>6} requests: {shown}", flush=True)
    return growth(samples)


async def run(options: argparse.Namespace) -> Growth:
    with tempfile.TemporaryDirectory(prefix="palimpsest-bench-") as name:
        directory = Path(name)
        async with (
            simulator(directory) as upstream,
            palimpsest(directory, upstream, options.engine) as (proxy, _),
        ):
            return await sample(proxy, options.requests, options.clients, options.body)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.bench.memory", description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--body", type=int, default=1, help="KB")
    parser.add_argument("--engine", choices=("dev", "postgres"), default="dev")
    try:
        found = asyncio.run(run(parser.parse_args()))
    except StartupFailed as error:
        sys.exit(f"bench: {error}")
    first, last = found.samples[0][1] / 1e6, found.samples[-1][1] / 1e6
    print(f"proxy: {first:.1f} MB -> {last:.1f} MB, {found.slope:.0f} bytes a request when settled")
    if not found.flat:
        sys.exit("bench: the proxy's memory grows")


if __name__ == "__main__":
    main()
