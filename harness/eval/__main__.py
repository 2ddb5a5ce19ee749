"""``make eval``: replays the sessions, prints one table, writes ``eval/results/latest.json``."""

import argparse
import sys
from pathlib import Path
from time import perf_counter

import msgspec

from harness.bench.results import machine
from harness.eval import learning
from harness.eval.labels import labels
from harness.eval.recall_benchmark import run_benchmark
from harness.eval.results import (
    LATEST,
    Results,
    estimates,
    prune_rows,
    rows,
    write,
)
from harness.eval.retrieval_after_cut import measure_and_write
from harness.eval.session_measures import PROCESSES, SessionMeasures, measure_all
from harness.eval.sessions import DATA, load, paths
from harness.eval.table import render
from harness.eval.timing import SIZES, measure_times

_QUICK, _LARGEST, _TOLD = 6, 20, 20


def run(files: list[Path], sizes: tuple[int, ...], processes: int, details: Path | None) -> Results:
    """Everything that is measured; ``details`` gets a line for each session. Files that are no
    sessions are named on stderr."""
    begun = perf_counter()
    measured: list[SessionMeasures] = []
    bad: set[str] = set()
    for number, found in enumerate(measure_all(files, processes), 1):
        if isinstance(found, SessionMeasures):
            measured.append(found)
        else:
            bad.add(found.file)
            print(f"! {found.file}: {found.why}", file=sys.stderr, flush=True)
        if number % _TOLD == 0:
            print(f"· {number}/{len(files)} sessions", file=sys.stderr, flush=True)
    measured.sort(key=lambda one: one.session)
    if details:
        details.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in measured))
    largest = [load(path) for path in files if path.name not in bad][:_LARGEST]
    times = [measure_times(largest, size) for size in sizes if largest]
    return Results(
        machine(),
        len(measured),
        sum(one.replays[0].calls for one in measured),
        round(perf_counter() - begun, 1),
        rows(measured),
        prune_rows(measured),
        estimates(measured),
        times,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.eval", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="laid out like ../shared/data")
    parser.add_argument("--output", type=Path, default=LATEST)
    parser.add_argument("--details", type=Path, help="one JSON line for each session")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--quick", action="store_true", help="a few short sessions: does it work?")
    chosen = parser.parse_args(arguments)
    files = paths(chosen.data)
    if not files:
        sys.exit(f"eval: no agent_sessions/*.json.gz in {chosen.data}")
    if chosen.quick:
        files = files[-_QUICK:]
    sizes = SIZES[:1] if chosen.quick else SIZES
    results = run(files, sizes, chosen.processes, chosen.details)
    write(results, chosen.output)
    print(f"{render(results)}\n\nwritten to {chosen.output}")
    precision = learning.measure_precision(files, labels())
    foresight = learning.measure_foresight(files)
    print(f"\n{learning.render(precision, foresight)}")
    print(f"\n{measure_and_write(files, chosen.output.with_name('brought.json'))}")
    beside = chosen.output.with_name("recall.json")
    print(f"\n{run_benchmark(chosen.data, beside, quick=chosen.quick)}")


if __name__ == "__main__":
    main()
