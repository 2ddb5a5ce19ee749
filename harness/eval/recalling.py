"""``python -m harness.eval.recalling``: how much of what answers a question is found again; written
to ``eval/results/recall.json``.
"""

import argparse
import asyncio
from pathlib import Path

import msgspec

from harness.bench.results import Machine, machine
from harness.eval import lost
from harness.eval.benchmarks import Benchmarks, measured
from harness.eval.recall_table import render
from harness.eval.sessions import (
    DATA,
    UNREADABLE,
    Session,
    load,
    paths,
)

LATEST = Path(__file__).parent / "results" / "recall.json"
_QUICK = 2


class Recalls(msgspec.Struct, frozen=True):
    """``needles`` are those that an epoch cut out of a session (harness/eval/lost.py)."""

    machine: Machine
    benchmarks: Benchmarks
    needles: list[lost.Row]


def recall(data: Path, output: Path = LATEST, *, quick: bool = False) -> str:
    """The table of what was measured, and written. ``quick``: a few of everything."""
    found = asyncio.run(_measured(data, _QUICK if quick else None))
    if not found.benchmarks.rows and not found.needles:
        return f"recall: neither sessions, locomo/*.json nor longmemeval/*.jsonl.gz in {data}"
    output.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return f"{render(found.benchmarks, found.needles)}\n\nwritten to {output}"


async def _measured(data: Path, most: int | None) -> Recalls:
    benchmarks = await measured(data, most)
    answers = await lost.asked([one for path in paths(data)[:most] if (one := _session(path))])
    return Recalls(machine(), benchmarks, lost.rows(answers))


def _session(path: Path) -> Session | None:
    """None for what is no session; `make eval` names it."""
    try:
        return load(path)
    except UNREADABLE:
        return None


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.eval.recalling", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="laid out like ../shared/data")
    parser.add_argument("--output", type=Path, default=LATEST)
    parser.add_argument("--quick", action="store_true", help="a few of each: does it work?")
    chosen = parser.parse_args(arguments)
    print(recall(chosen.data, chosen.output, quick=chosen.quick))


if __name__ == "__main__":
    main()
