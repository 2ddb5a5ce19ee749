"""When a call upstream may be made again, and how long to wait before it."""

import email.utils
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_RETRYABLE = frozenset((408, 409, 429))

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """``attempts`` counts every call; ``total`` is seconds since the request came in."""

    attempts: int
    total: float


def delay_before_next(
    limits: RetryLimits,
    attempt: int,
    elapsed: float,
    retry_after: float | None,
    jitter: Callable[[], float] = random.random,
) -> float | None:
    """Seconds until attempt + 1, or None when there is to be none.

    Exponential from 0.5 s to 8 s with up to 25 % taken off at random, as the SDKs do; the
    provider's own ``retry_after`` wins. A wait that would pass the total ends the trying at once.
    """
    if attempt >= limits.attempts:
        return None
    delay = retry_after
    if delay is None:
        delay = min(_FIRST_DELAY * 2 ** (attempt - 1), _LONGEST_DELAY) * (1 - 0.25 * jitter())
    return delay if elapsed + delay <= limits.total else None


def is_retryable(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer may be asked for again: where the provider says so itself, by
    `x-should-retry`, as it says; else by its status, as the SDKs do (529 is `overloaded_error`)."""
    match headers.get("x-should-retry"):
        case "true":
            return status >= 400
        case "false":
            return False
        case _:
            return status in _RETRYABLE or status >= 500


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks to wait: `retry-after-ms`, which is the more exact one, else
    `retry-after`; None where neither can be read."""
    milliseconds = parse_retry_after(headers.get("retry-after-ms"), dates=False)
    if milliseconds is not None:
        return milliseconds / 1000
    return parse_retry_after(headers.get("retry-after"))


def parse_retry_after(
    value: str | None, now: Callable[[], float] = time.time, *, dates: bool = True
) -> float | None:
    """Seconds from a `Retry-After` header: a number or an HTTP date (RFC 9110 §10.2.3)."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    if not dates:
        return None
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now())
    except (ValueError, TypeError, OverflowError):
        return None


class RetryDue(Exception):
    """This attempt failed unseen by the client; the next one is due in ``delay`` seconds."""

    def __init__(self, reason: str, delay: float) -> None:
        super().__init__(reason)
        self.delay = delay
