"""``make marathon``: two models to 5,000,000 tokens of history, with what the proxy made of it."""

import argparse
import asyncio
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path

from tests.e2e.whole import whole
from tests.endless.walk import Course, Refused, walk
from tests.upstream import Simulator

MODELS = ("claude-opus-5-5", "claude-sonnet-4-5")
SIZES = (100_000, 1_000_000, 5_000_000)


async def course(name: str, tokens: int) -> Course:
    """One model's conversation, through a stack of its own; a line for each tenth of the way."""
    found = Course([])
    told = 0
    with tempfile.TemporaryDirectory(prefix="palimpsest-endless-") as directory:
        async with (
            Simulator.serve(keep=2) as upstream,
            whole(Path(directory) / "data", upstream.url) as up,
            aclosing(walk(up.url, upstream, name, tokens)) as turns,
        ):
            async for turn in turns:
                found.turns.append(turn)
                if turn.client >= told:
                    told += tokens // 10
                    _say(
                        f"{name}: {turn.client:>9,} tokens, {turn.forwarded:>7,} forwarded,"
                        f" epoch {turn.epoch}, {turn.added_ms:.0f} ms"
                    )
    return found


def report(name: str, found: Course) -> bool:
    """Say what was found; whether it is as it must be."""
    sizes = [size for size in SIZES if size <= found.turns[-1].client * 1.02]
    added = ", ".join(f"{found.added_ms(size):.0f} ms at {size:,}" for size in sizes)
    dropped = sum(turn.dropped for turn in found.turns)
    _say(
        f"{name}: {len(found.turns)} turns, {found.epochs} epochs, {found.breaks} breaks,"
        f" {found.stability:.1%} stable, peak {found.peak:,}, {dropped} thinking dropped,"
        f" added {added}"
    )
    return found.stability >= 0.94 and found.breaks <= found.epochs and dropped == 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.endless", description=__doc__)
    parser.add_argument("--tokens", type=int, default=5_000_000)
    parser.add_argument("--model", choices=MODELS, action="append")
    args = parser.parse_args()
    well = True
    for name in args.model or MODELS:
        try:
            well &= report(name, asyncio.run(course(name, args.tokens)))
        except Refused as refused:
            _say(f"{name}: {refused}")
            well = False
    sys.exit(not well)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
