"""What a load process is asked (a Job, on stdin) and what it tells (an Outcome, on stdout)."""

import os
import sys

import msgspec

WARM_UP_LIMIT = 20.0
DRAIN_LIMIT = 120.0
EXTENSION_LIMIT = 20.0
"""A window with fewer samples than twice the clients goes on for so many seconds at most."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; times in seconds. ``url`` is ``http://host:port``."""

    url: str
    clients: int
    body_kb: int
    stream: bool
    seconds: float
    warm_up: float = 1.0
    api_key: str = "bench"
    max_requests: int | None = None
    """Stop after so many requests, whatever ``seconds`` says."""
    opening: bool = False
    """Measure nothing: send the openings of the clients' conversations, one after the other."""


class Outcome(msgspec.Struct, kw_only=True):
    """``ttfb_ms`` and ``total_ms`` have one entry per request that ended in the measured window.

    ``window`` is that window's length in seconds; ``requests`` counts all answers, the warm-up's
    too, and ``cpu_seconds`` is what this process used for them. ``began`` and ``opened`` are when
    the load and the window did, in Unix time; ``finished`` counts what was finished since the
    opening, the ``took`` seconds until the last of it was.
    """

    ttfb_ms: list[float] = []
    total_ms: list[float] = []
    failures: list[str] = []
    window: float = 0.0
    requests: int = 0
    cpu_seconds: float = 0.0
    began: float = 0.0
    opened: float = 0.0
    finished: int = 0
    took: float = 0.0

    @property
    def rate(self) -> float:
        """Requests per second, each counted when all of it was done."""
        return self.finished / self.took if self.took else 0.0


def read_job() -> Job:
    return msgspec.json.decode(sys.stdin.buffer.read(), type=Job)


def write_outcome(outcome: Outcome) -> None:
    left = memoryview(msgspec.json.encode(outcome))
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]
