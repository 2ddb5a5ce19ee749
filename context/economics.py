"""When a smaller prompt pays: the prices of the prompt cache, per token of input.

Billed-equivalent tokens: 1 uncached, 1.25 or 2 written to the cache for five minutes or an hour,
0.1 read from it (the API's price list; REFERENCE "What real traffic looks like").
"""

READ = 0.1
WRITE_5M = 1.25
WRITE_1H = 2.0
HOUR = 3600.0

_LEAST_SAVING = 0.25


def write_price(ttl: float) -> float:
    """What one token costs to write, by the marker's life in seconds."""
    return WRITE_1H if ttl >= HOUR else WRITE_5M


def pays(before: int, after: int) -> bool:
    """Whether to prune when the cache is cold anyway: both prompts would be written anew, so the
    smaller one is cheaper from the first call on; but what is cut may have to be fetched again, so
    that a small saving is none."""
    return after <= before * (1 - _LEAST_SAVING)
