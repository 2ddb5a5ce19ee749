"""Questions with their evidence: the common form of all benchmarks of recall."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from harness.eval.sessions import HALVES, Half
from palimpsest.memory.model import Memory


class Place(NamedTuple):
    """A message of a conversation."""

    conversation: str
    position: int


@dataclass(frozen=True, slots=True)
class Question:
    """``evidence`` is where the answer was said, in which ``conversations``; ``kind`` the
    benchmark's category."""

    text: str
    kind: str
    at: datetime
    evidence: frozenset[Place]
    conversations: frozenset[str]


@dataclass(frozen=True, slots=True)
class Haystack:
    """All that was said in one project, and what is asked of it. It belongs to one half for good,
    by a hash of its name."""

    name: str
    memories: Sequence[Memory]
    questions: Sequence[Question]

    @property
    def half(self) -> Half:
        return HALVES[sha256(self.name.encode()).digest()[0] & 1]


def place_of(memory: Memory) -> Place:
    return Place(memory.conversation, memory.position)
