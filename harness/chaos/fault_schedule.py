"""The faults of each component and their times, drawn from a seed: the same for the same seed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    """SIGKILL, SIGTERM, or SIGSTOP with SIGCONT after a while."""

    KILL = "kill"
    TERM = "term"
    STOP = "stop"


_KILL, _TERM, _STOP = FaultKind.KILL, FaultKind.TERM, FaultKind.STOP
_KIND_WEIGHTS: dict[str, tuple[tuple[FaultKind, float], ...]] = {
    "edge": ((_KILL, 0.5), (_TERM, 0.25), (_STOP, 0.25)),
    "worker": ((_KILL, 0.5), (_TERM, 0.25), (_STOP, 0.25)),
    "redis": ((_KILL, 0.8), (_STOP, 0.2)),
    "temporal": ((_KILL, 0.6), (_TERM, 0.3), (_STOP, 0.1)),
    "postgres": ((_KILL, 0.6), (_TERM, 0.4)),
}
_FIRST_FAULTS: dict[str, tuple[tuple[FaultKind, float], ...]] = {
    "edge": ((_KILL, 1.0),),
    "temporal": ((_KILL, 4.0), (_KILL, 20.0)),
    "postgres": ((_KILL, 2.0),),
    "worker": ((_KILL, 3.0),),
    "redis": ((_KILL, 2.0),),
}
"""Kind and seconds down, so that even a short run has these."""
_HEALTHY_SECONDS = {
    "edge": (6.0, 16.0),
    "worker": (6.0, 16.0),
    "redis": (10.0, 24.0),
    "temporal": (8.0, 20.0),
    "postgres": (10.0, 24.0),
}
_FULL_PACE_SECONDS = 60.0
_FEWEST_COMPONENTS = 3


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault to inject."""

    kind: FaultKind
    wait: float
    """Seconds of health before it."""
    down: float
    """Seconds until the component goes on or is started again."""


def plan_faults(
    component: str, seed: int, seconds: float, components: int
) -> Iterator[PlannedFault]:
    """An endless schedule for a component such as `edge` or `edge-2`.

    A run shorter than a minute has its faults in quicker succession, one of many components in
    slower.
    """
    role = component.partition("-")[0]
    dice = random.Random(f"{seed}/faults/{component}")
    pace = min(1.0, seconds / _FULL_PACE_SECONDS) * components / _FEWEST_COMPONENTS
    low, high = _HEALTHY_SECONDS[role]
    for kind, down in _FIRST_FAULTS[role]:
        yield PlannedFault(kind, dice.uniform(low, high) * pace, down)
    kinds, weights = zip(*_KIND_WEIGHTS[role], strict=True)
    while True:
        kind: FaultKind = dice.choices(kinds, weights)[0]
        yield PlannedFault(kind, dice.uniform(low, high) * pace, _down_seconds(dice, kind))


def _down_seconds(dice: random.Random, kind: FaultKind) -> float:
    if kind is FaultKind.STOP:
        return dice.uniform(1.5, 9)
    low, high = dice.choices(((0, 4), (4, 11), (11, 15)), (6, 2, 2))[0]
    return dice.uniform(low, high)
