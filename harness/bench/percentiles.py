"""Percentiles of measured times."""

import math
from collections.abc import Sequence

import msgspec


class Percentiles(msgspec.Struct, frozen=True):
    """p50, p95 and p99, in the unit of the samples."""

    p50: float
    p95: float
    p99: float


def percentile(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile (0 < share <= 1) of a sorted, non-empty sequence."""
    if not ordered:
        raise ValueError("no samples")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def percentiles(samples: Sequence[float]) -> Percentiles:
    """The three percentiles every row reports; raises ValueError without samples."""
    ordered = sorted(samples)
    return Percentiles(*(round(percentile(ordered, share), 3) for share in (0.50, 0.95, 0.99)))
