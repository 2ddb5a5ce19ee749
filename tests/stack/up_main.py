"""``palimpsest up`` with the stand-in for the edge."""

import asyncio
import sys

from settings import Settings
from stack.supervisor import up

if __name__ == "__main__":
    command = [sys.executable, "-m", "tests.stack.stand_in_edge"]
    raise SystemExit(asyncio.run(up(Settings.load(), edge_command=command)))
