"""The options of ``python -m harness.bench``."""

import argparse
from pathlib import Path

import msgspec

from harness.bench.results import LATEST, Cell

TARGETS = ("direct", "palimpsest", "floor", "litellm", "palimpsest-postgres", "floor-postgres")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    targets: tuple[str, ...]
    cells: tuple[Cell, ...]
    rounds: int
    seconds: float
    warm_up: float
    output: Path


def parse(arguments: list[str] | None = None) -> Options:
    """Raises SystemExit(2), with a usage line, on a wrong option."""
    parser = argparse.ArgumentParser(
        prog="python -m harness.bench", description="Measure side by side."
    )
    parser.add_argument("--targets", type=_names, default=TARGETS, help=",".join(TARGETS))
    parser.add_argument("--clients", type=_numbers, default=(1, 16, 64))
    parser.add_argument("--body", type=_numbers, default=(1, 400), help="body sizes in KB")
    parser.add_argument("--stream", choices=("yes", "no", "both"), default="both")
    parser.add_argument("--rounds", type=int, default=2, help="the targets take turns")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured, per cell and round")
    parser.add_argument("--warm-up", type=float, default=1.0, help="seconds before them")
    parser.add_argument("--output", type=Path, default=LATEST)
    parser.add_argument("--quick", action="store_true", help="one short round: does it work?")
    chosen = parser.parse_args(arguments)
    streams = {"yes": (True,), "no": (False,), "both": (True, False)}[chosen.stream]
    return Options(
        targets=chosen.targets,
        cells=tuple(
            Cell(clients, body, stream)
            for body in chosen.body
            for stream in streams
            for clients in chosen.clients
        ),
        rounds=1 if chosen.quick else chosen.rounds,
        seconds=min(chosen.seconds, 1.0) if chosen.quick else chosen.seconds,
        warm_up=min(chosen.warm_up, 0.3) if chosen.quick else chosen.warm_up,
        output=chosen.output,
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := set(names) - set(TARGETS):
        raise argparse.ArgumentTypeError(f"unknown target {', '.join(sorted(unknown))}")
    return names


def _numbers(text: str) -> tuple[int, ...]:
    numbers = tuple(int(part) for part in text.split(","))
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError("must be positive")
    return numbers
