"""``palimpsest up`` with the stand-in for the edge."""

import sys

import uvloop

from settings import Settings
from stack.supervisor import up

if __name__ == "__main__":
    command = [sys.executable, "-m", "tests.stack.stand_in_edge"]
    raise SystemExit(uvloop.run(up(Settings.load(), edge_command=command)))
