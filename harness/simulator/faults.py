"""Failures on order: a queue for the next matching calls, and a seeded random rate."""

import random
from collections import deque
from typing import Literal

import msgspec

Kind = Literal["status", "reset", "cut", "stall", "error_event", "wrong_length", "gzip", "cut_body"]


class Fault(msgspec.Struct, omit_defaults=True):
    """One failure.

    ``kind``:
    `status`: answer ``status`` (with ``retry_after`` seconds, or ``body`` verbatim);
    `reset`: TCP reset, before any byte, or ``after`` events of a stream;
    `cut`: end the connection after ``after`` events; ``mid`` cuts inside the next event;
    `stall`: be silent for ``seconds``, before the first byte, or ``after`` events, then go on;
    `error_event`: an ``error`` event (``error``: its type) ``after`` events, then a clean end;
    `wrong_length`: a content-length larger than a non-streaming body, then the end;
    `cut_body`: half of a non-streaming body, then the end;
    `gzip`: compress the answer where the client accepts it.

    ``after`` counts SSE events (`message_start` is the first); -1 is before any byte.
    ``first_content`` counts from the first content delta instead of from the start.
    ``path`` is what the call's path must contain; ``times`` how many calls it strikes.
    """

    kind: Kind
    status: int = 529
    retry_after: float | None = None
    body: str | None = None
    message: str | None = None
    after: int = -1
    first_content: bool = False
    mid: bool = False
    seconds: float = 0
    error: str = "overloaded_error"
    path: str = "/v1/messages"
    method: str = "POST"
    times: int = 1
    skip: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether it strikes such a call; `/v1/messages` does not mean `count_tokens`."""
        bare = path.partition("?")[0]
        return method == self.method and (bare == self.path or self.path == "*")

    @property
    def name(self) -> str:
        """A word for the log."""
        return f"status {self.status}" if self.kind == "status" else self.kind


class Faults:
    """The faults to come. ``push`` queues them in order; ``rate`` strikes at random."""

    def __init__(self) -> None:
        self._queue: deque[Fault] = deque()
        self._rate = 0.0
        self._choices: list[Fault] = []
        self._random = random.Random(0)

    def push(self, *faults: Fault) -> None:
        """Strike the next matching calls, one fault each (``times`` calls each)."""
        self._queue.extend(msgspec.structs.replace(fault) for fault in faults)

    def rate(self, share: float, *faults: Fault, seed: int = 0) -> None:
        """Strike this share (0 to 1) of the matching calls with one of ``faults``."""
        self._rate, self._choices, self._random = share, list(faults), random.Random(seed)

    def clear(self) -> None:
        """No more faults."""
        self._queue.clear()
        self._rate, self._choices = 0.0, []

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that strikes this call."""
        for fault in self._queue:
            if not fault.matches(method, path):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                return None
            fault.times -= 1
            if fault.times <= 0:
                self._queue.remove(fault)
            return fault
        candidates = [fault for fault in self._choices if fault.matches(method, path)]
        if candidates and self._random.random() < self._rate:
            return self._random.choice(candidates)
        return None

    def __len__(self) -> int:
        return sum(fault.times for fault in self._queue)

    def pending(self) -> list[Fault]:
        """The queue, next first."""
        return list(self._queue)
