"""When a smaller prompt pays: the prices of the prompt cache, per token of input.

Billed-equivalent tokens: 1 uncached, 1.25 or 2 written to the cache for five minutes or an hour,
0.1 read from it (the API's price list).
"""

READ = 0.1
WRITE_5M = 1.25
WRITE_1H = 2.0

_HOUR = 3600.0

_LEAST_SAVING = 0.25


def write_price(ttl: float) -> float:
    """What one token costs to write, by the marker's life in seconds."""
    return WRITE_1H if ttl >= _HOUR else WRITE_5M


def pays_cold(before: int, after: int) -> bool:
    """Whether to prune when the cache is cold anyway: both prompts would be written anew, so the
    smaller one is cheaper from the first call on; but what is cut may have to be fetched again, so
    that a small saving is none."""
    return after <= before * (1 - _LEAST_SAVING)


def pays_warm(before: int, after: int, calls: int, ttl: float) -> bool:
    """Whether to prune while the cache is warm: what is left is written once more instead of read,
    and every later call reads less. ``calls``: how many are expected to come."""
    once = after * (write_price(ttl) - READ)
    return (before - after) * READ * calls > once
