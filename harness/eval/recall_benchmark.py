"""``python -m harness.eval.recall_benchmark``: how much evidence for a question is retrieved.

Writes ``eval/results/recall.json``.
"""

import argparse
import asyncio
from pathlib import Path

import msgspec

from harness.bench.results import Machine, machine
from harness.eval import needle_recovery
from harness.eval.benchmarks import Benchmarks, measure
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


class RecallResults(msgspec.Struct, frozen=True):
    """Recall on the benchmarks and of needles; the latter by harness/eval/needle_recovery.py."""

    machine: Machine
    benchmarks: Benchmarks
    needles: list[needle_recovery.Row]


def run_benchmark(data: Path, output: Path = LATEST, *, quick: bool = False) -> str:
    """Measure, write ``output`` and return the table. ``quick``: a few of everything."""
    found = asyncio.run(_measure(data, _QUICK if quick else None))
    if not found.benchmarks.rows and not found.needles:
        return f"recall: neither sessions, locomo/*.json nor longmemeval/*.jsonl.gz in {data}"
    output.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return f"{render(found.benchmarks, found.needles)}\n\nwritten to {output}"


async def _measure(data: Path, most: int | None) -> RecallResults:
    benchmarks = await measure(data, most)
    sessions = [one for path in paths(data)[:most] if (one := _session(path))]
    answers = await needle_recovery.ask_for_needles(sessions)
    return RecallResults(machine(), benchmarks, needle_recovery.rows(answers))


def _session(path: Path) -> Session | None:
    """None for what is no session; `make eval` names it."""
    try:
        return load(path)
    except UNREADABLE:
        return None


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m harness.eval.recall_benchmark", description=__doc__
    )
    parser.add_argument("--data", type=Path, default=DATA, help="laid out like ../shared/data")
    parser.add_argument("--output", type=Path, default=LATEST)
    parser.add_argument("--quick", action="store_true", help="a few of each: does it work?")
    chosen = parser.parse_args(arguments)
    print(run_benchmark(chosen.data, chosen.output, quick=chosen.quick))


if __name__ == "__main__":
    main()
