"""Means with their error over sessions, and ratios of sums."""

from collections.abc import Sequence
from statistics import fmean, stdev

import msgspec

_Z = 1.96


class Mean(msgspec.Struct, frozen=True):
    """A mean over sessions and half the width of its 95 % interval; None for no sessions."""

    mean: float | None
    error: float | None

    def __str__(self) -> str:
        if self.mean is None:
            return "-"
        error = f" ±{self.error:.3f}" if self.error is not None else ""
        return f"{self.mean:+.3f}{error}"


def mean(values: Sequence[float]) -> Mean:
    if not values:
        return Mean(None, None)
    error = _Z * stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return Mean(round(fmean(values), 4), round(error, 4) if error is not None else None)


def share(part: float, whole: float) -> float | None:
    """None of nothing."""
    return round(part / whole, 4) if whole else None


def percentile(values: Sequence[float], at: float) -> float:
    """Zero of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * at))] if ordered else 0.0
