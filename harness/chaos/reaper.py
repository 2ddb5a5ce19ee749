"""``python -m harness.chaos.reaper DATA_DIR``: kills what the harness started, once the harness is
gone.

It waits for the end of its standard input, which the system closes however the harness ends.
"""

import sys
from pathlib import Path

from palimpsest.devstack import orphans


def main() -> None:
    data_dir = Path(sys.argv[1])
    sys.stdin.buffer.read()
    for _, mark in orphans.find(data_dir, {}):
        mark.kill()


if __name__ == "__main__":
    main()
