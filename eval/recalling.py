"""``python -m eval.recalling``: how much of what answers a question is found again; written to
``eval/results/recall.json``."""

import argparse
import asyncio
from pathlib import Path

import msgspec

from bench.results import Machine, machine
from eval.benchmarks import Benchmarks, files, measured
from eval.recall_table import render
from eval.sessions import DATA

LATEST = Path(__file__).parent / "results" / "recall.json"
_QUICK = 2


class Recalls(msgspec.Struct, frozen=True):
    machine: Machine
    benchmarks: Benchmarks


def recall(data: Path, output: Path = LATEST, *, quick: bool = False) -> str:
    """The table of what was measured, and written. ``quick``: a few of each benchmark."""
    if not any(files(data).values()):
        return f"recall: neither locomo/*.json nor longmemeval/*.jsonl.gz in {data}"
    found = asyncio.run(measured(data, _QUICK if quick else None))
    output.write_bytes(msgspec.json.format(msgspec.json.encode(Recalls(machine(), found))) + b"\n")
    return f"{render(found)}\n\nwritten to {output}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m eval.recalling", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="laid out like ../shared/data")
    parser.add_argument("--output", type=Path, default=LATEST)
    parser.add_argument("--quick", action="store_true", help="a few of each: does it work?")
    chosen = parser.parse_args(arguments)
    print(recall(chosen.data, chosen.output, quick=chosen.quick))


if __name__ == "__main__":
    main()
