"""``python -m palimpsest.learning``: one job on stdin, what came of it on stdout, at leisure."""

import os
import sys

import msgspec

from palimpsest.learning.job import Job, carried_out

_LEAST_URGENT = 19


def main() -> None:
    os.nice(_LEAST_URGENT)
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Job)
    sys.stdout.buffer.write(msgspec.msgpack.encode(carried_out(job)))


if __name__ == "__main__":
    main()
