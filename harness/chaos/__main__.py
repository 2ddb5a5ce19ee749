"""``make chaos SECONDS=60 SEED=1``: prints the figures as one JSON line on stdout.

Exit status 1 when something was lost, called twice or left behind; the evidence is record then.
"""

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from harness.chaos.report import Report
from harness.chaos.run import Options, run

_SHOWN = 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="of faults; calm follows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--redis", action="store_true", help="two edges and two workers")
    parser.add_argument("--keep", action="store_true", help="keep the evidence of a good run too")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="palimpsest-chaos-")).resolve()
    options = Options(arguments.seconds, arguments.seed, arguments.clients, arguments.redis)
    try:
        # A shell starts what runs in the background with this signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        report = asyncio.run(_interruptible(options, directory))
    except (KeyboardInterrupt, asyncio.CancelledError):
        shutil.rmtree(directory, ignore_errors=True)
        sys.exit(130)
    for problem in report.problems[:_SHOWN]:
        print(f"! {problem}", file=sys.stderr)
    if arguments.keep or not report.passed:
        print(f"· the evidence is in {directory}", file=sys.stderr)
    else:
        shutil.rmtree(directory, ignore_errors=True)
    print(report.line())
    sys.exit(0 if report.passed else 1)


async def _interruptible(options: Options, directory: Path) -> Report:
    """SIGTERM ends a run as Ctrl-C does: with everything stopped."""
    running = asyncio.create_task(run(options, directory))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    return await running


if __name__ == "__main__":
    main()
