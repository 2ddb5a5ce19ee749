"""``python -m harness.simulator --port N [--log FILE.jsonl] [--lenient]``: the simulator alone."""

import argparse
from pathlib import Path

from harness.simulator.pace import Pace
from harness.simulator.server import run


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m harness.simulator", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port and prints it")
    parser.add_argument("--log", type=Path, help="JSON lines, one at the start and end of a call")
    parser.add_argument("--lenient", action="store_true", help="no validation, a preset answer")
    parser.add_argument("--no-bodies", action="store_true", help="log hashes instead of bodies")
    parser.add_argument("--keep", type=int, default=1_000, help="calls held for /_sim/log")
    parser.add_argument("--text-chars", type=int, default=Pace().text_chars)
    parser.add_argument("--delta-chars", type=int, default=Pace().delta_chars)
    args = parser.parse_args()
    pace = Pace(text_chars=args.text_chars, delta_chars=args.delta_chars)
    bodies = not (args.no_bodies or args.lenient)
    run(
        args.port, log_file=args.log, lenient=args.lenient, bodies=bodies, keep=args.keep, pace=pace
    )


if __name__ == "__main__":
    main()
