"""How much a lesson is worth today, and when it expires.

Its worth decays with the time since it was last confirmed, slower the more conversations confirmed
it, and falls with each time that it was injected and did not help.
"""

from datetime import datetime, timedelta
from math import log2

from palimpsest.memory.model import Kind, Memory

HALF_LIFE = timedelta(days=45)
"""Of a lesson that one conversation taught."""

FLOOR = 0.1
"""A lesson of less worth expires."""


def current_worth(memory: Memory, now: datetime) -> float:
    """The worth of a lesson, 0 to 1."""
    age = max(timedelta(), now - memory.said_at)
    half_life = HALF_LIFE * (1 + log2(max(1, memory.conversations)))
    helped = (memory.successes + 1) / (memory.successes + memory.failures + 1)
    return memory.confidence * helped * 0.5 ** (age / half_life)


def is_stale(memory: Memory, now: datetime) -> bool:
    """Whether a memory expires. Turns never do, nor what a person confirmed."""
    if memory.kind is Kind.TURN or memory.confirmed:
        return False
    return current_worth(memory, now) < FLOOR
