"""What is done to each part, and when: drawn from a seed, the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "term", "stop"]

_KINDS: dict[str, tuple[tuple[Kind, float], ...]] = {
    "edge": (("kill", 0.5), ("term", 0.25), ("stop", 0.25)),
    "worker": (("kill", 0.5), ("term", 0.25), ("stop", 0.25)),
    "redis": (("kill", 0.8), ("stop", 0.2)),
    "temporal": (("kill", 0.6), ("term", 0.3), ("stop", 0.1)),
    "postgres": (("kill", 0.6), ("term", 0.4)),
}
_FIRST: dict[str, tuple[tuple[Kind, float], ...]] = {
    "edge": (("kill", 1.0),),
    "temporal": (("kill", 4.0), ("kill", 20.0)),
    "postgres": (("kill", 2.0),),
    "worker": (("kill", 3.0),),
    "redis": (("kill", 2.0),),
}
_HEALTH = {
    "edge": (6.0, 16.0),
    "worker": (6.0, 16.0),
    "redis": (10.0, 24.0),
    "temporal": (8.0, 20.0),
    "postgres": (10.0, 24.0),
}
_FULL_PACE = 60.0
_FEWEST_PARTS = 3


@dataclass(frozen=True, slots=True)
class Blow:
    """After ``wait`` seconds of health ``kind`` happens; after ``down`` more it is undone."""

    kind: Kind
    wait: float
    down: float


def blows(part: str, seed: int, seconds: float, parts: int) -> Iterator[Blow]:
    """Without end, for a part such as `edge` or `edge-2`. A run shorter than a minute gets its
    blows in quicker succession, one of many parts in slower."""
    role = part.partition("-")[0]
    dice = random.Random(f"{seed}/blows/{part}")
    pace = min(1.0, seconds / _FULL_PACE) * parts / _FEWEST_PARTS
    low, high = _HEALTH[role]
    for kind, down in _FIRST[role]:
        yield Blow(kind, dice.uniform(low, high) * pace, down)
    kinds, weights = zip(*_KINDS[role], strict=True)
    while True:
        kind: Kind = dice.choices(kinds, weights)[0]
        yield Blow(kind, dice.uniform(low, high) * pace, _down(dice, kind))


def _down(dice: random.Random, kind: Kind) -> float:
    if kind == "stop":
        return dice.uniform(1.5, 9)
    low, high = dice.choices(((0, 4), (4, 11), (11, 15)), (6, 2, 2))[0]
    return dice.uniform(low, high)
