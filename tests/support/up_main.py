"""``palimpsest up`` with the stand-in for the edge."""

import sys

import uvloop

from palimpsest.devstack.supervisor import up
from palimpsest.runtime.settings import Settings

if __name__ == "__main__":
    command = [sys.executable, "-m", "tests.support.stand_in_edge"]
    raise SystemExit(uvloop.run(up(Settings.load(), edge_command=command)))
