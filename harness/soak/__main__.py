"""``make soak SECONDS=1800``: prints the figures as one JSON line; exit status 1 when something was
lost, a bug showed or memory grew; the evidence is kept then."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec

from harness.soak.run import Soak, soak

_SHOWN = 30
_MEGABYTE = 1024 * 1024


def figures(found: Soak) -> dict[str, object]:
    """The figures of a run; memory in megabytes."""
    return {
        "seconds": found.seconds,
        "counts": found.counts,
        "problems": len(found.problems),
        "memory_mb": {
            "first": found.memory[0] // _MEGABYTE if found.memory else None,
            "most": max(found.memory, default=0) // _MEGABYTE,
            "last": found.memory[-1] // _MEGABYTE if found.memory else None,
            "growth": found.growth() // _MEGABYTE,
        },
        "flat": found.is_flat(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1_800)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="palimpsest-soak-")).resolve()
    found = asyncio.run(soak(options.seconds, options.seed, directory))
    for problem, times in Counter(found.problems).most_common(_SHOWN):
        print(f"! {times} x {problem}", file=sys.stderr)
    passed = not found.problems and found.is_flat()
    if passed:
        shutil.rmtree(directory, ignore_errors=True)
    else:
        print(f"· the evidence is in {directory}", file=sys.stderr)
    print(msgspec.json.encode(figures(found)).decode())
    sys.exit(not passed)


if __name__ == "__main__":
    main()
