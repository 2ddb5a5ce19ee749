"""How much something learned is worth today, and when it is forgotten.

It fades with the time since it was last borne out, slower the more conversations bore it out, and
sinks with each time that it was offered and did not help.
"""

from datetime import datetime, timedelta
from math import log2

from palimpsest.memory.model import Kind, Memory

HALF_LIFE = timedelta(days=45)
"""Of what one conversation taught."""

FLOOR = 0.1
"""What is worth less goes."""


def current_worth(memory: Memory, now: datetime) -> float:
    """From 0 to 1."""
    age = max(timedelta(), now - memory.said_at)
    half_life = HALF_LIFE * (1 + log2(max(1, memory.conversations)))
    helped = (memory.successes + 1) / (memory.successes + memory.failures + 1)
    return memory.confidence * helped * 0.5 ** (age / half_life)


def is_stale(memory: Memory, now: datetime) -> bool:
    """Whether it is to be forgotten. Turns are not, nor what a person said is right."""
    if memory.kind is Kind.TURN or memory.confirmed:
        return False
    return current_worth(memory, now) < FLOOR
