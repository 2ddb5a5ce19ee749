"""``make marathon``: two models to 5,000,000 tokens of history, with what the proxy made of it."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import aclosing
from pathlib import Path

from harness.marathon.walk import Course, Refused, walk
from harness.simulator import Simulator
from tests.support.supervisor import traces, until
from tests.support.whole_stack import whole

MODELS = ("claude-opus-5-5", "claude-sonnet-4-5")
SIZES = (100_000, 1_000_000, 5_000_000)
GROWTH = 2.0
LEAST_STABILITY = 0.94


async def course(name: str, tokens: int, growth: float) -> Course:
    """One model's conversation, through a stack of its own; a line for each tenth of the way."""
    found = Course([])
    told = 0
    with tempfile.TemporaryDirectory(prefix="palimpsest-endless-") as directory:
        async with (
            Simulator.serve(keep=2) as upstream,
            whole(Path(directory) / "data", upstream.url) as up,
            aclosing(walk(up.url, upstream, name, tokens, growth)) as turns,
        ):
            async for turn in turns:
                found.turns.append(turn)
                if turn.client >= told:
                    told += tokens // 10
                    _say(
                        f"{name}: {turn.client:>9,} tokens, {turn.forwarded:>7,} forwarded,"
                        f" epoch {turn.epoch}, {turn.added_ms:.0f} ms"
                    )
        await until(lambda: not traces(Path(directory)))
    return found


def report(name: str, found: Course, seconds: float) -> bool:
    """Say what was found; whether it is as it must be."""
    last = found.turns[-1].client
    dropped = sum(turn.dropped for turn in found.turns)
    new = [one.added_ms for one in found.turns if one.kept < 1]
    _say(
        f"{name}: {last:,} tokens in {len(found.turns)} turns and {seconds:.0f} s;"
        f" {found.epochs} epochs, {found.breaks} breaks, prefix {found.stability:.1%} stable;"
        f" at most {found.peak:,} forwarded; {dropped} thinking blocks dropped"
    )
    for size in SIZES:
        if size <= last:
            _say(f"{name}: at {size:>9,} tokens the proxy adds {found.added_ms(size):.0f} ms")
    if new:
        _say(f"{name}: where an epoch begins it adds {statistics.median(new):.0f} ms")
    return found.stability >= LEAST_STABILITY and found.breaks <= found.epochs and dropped == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.marathon", description=__doc__)
    parser.add_argument("--tokens", type=int, default=5_000_000)
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--growth", type=float, default=GROWTH, help="of a turn; 1 is the suite's")
    args = parser.parse_args()
    well = True
    for name in args.model or MODELS:
        began = time.monotonic()
        try:
            found = asyncio.run(course(name, args.tokens, args.growth))
            well &= report(name, found, time.monotonic() - began)
        except Refused as refused:
            _say(f"{name}: {refused}")
            well = False
    sys.exit(not well)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
