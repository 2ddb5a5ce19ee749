"""``python -m palimpsest.learning``: one segment job on stdin, its lessons on stdout, at low
priority."""

import os
import sys

import msgspec

from palimpsest.learning.job import SegmentJob, run_segment_job

_LEAST_URGENT = 19


def main() -> None:
    os.nice(_LEAST_URGENT)
    job = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=SegmentJob)
    sys.stdout.buffer.write(msgspec.msgpack.encode(run_segment_job(job)))


if __name__ == "__main__":
    main()
