"""When a call may be made again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.forwarding.retry import (
    RetryLimits,
    delay_before_next,
    is_retryable,
    parse_retry_after,
    wait_asked_for,
)

LIMITS = RetryLimits(attempts=4, total=120)


def test_the_waits_grow_and_end() -> None:
    waits = [delay_before_next(LIMITS, n, 0, None, lambda: 0.0) for n in range(1, 5)]
    assert waits == [0.5, 1.0, 2.0, None]
    many = RetryLimits(20, 10_000)
    assert delay_before_next(many, 15, 0, None, lambda: 0.0) == 8.0


def test_the_provider_knows_better() -> None:
    assert delay_before_next(LIMITS, 1, 0, 30.0) == 30.0
    assert delay_before_next(LIMITS, 1, 0, 0.0) == 0.0
    assert delay_before_next(LIMITS, 4, 0, 0.0) is None


@given(
    st.integers(1, 50),
    st.floats(0, 1000),
    st.none() | st.floats(0, 1e6),
    st.floats(0, 1, exclude_max=True),
)
def test_no_wait_passes_the_limits(
    attempt: int, elapsed: float, retry_after: float | None, jitter: float
) -> None:
    delay = delay_before_next(LIMITS, attempt, elapsed, retry_after, lambda: jitter)
    if delay is not None:
        assert attempt < LIMITS.attempts
        assert elapsed + delay <= LIMITS.total
        assert delay >= 0
        assert retry_after is None or delay == retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 60),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("nan", None),
        ("inf", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=lambda: 40.0) == seconds


@pytest.mark.parametrize(
    ("status", "said", "again"),
    [
        (400, None, False),
        (404, None, False),
        (408, None, True),
        (409, None, True),
        (429, None, True),
        (500, None, True),
        (522, None, True),
        (529, None, True),
        (529, "false", False),
        (429, "false", False),
        (400, "true", True),
        (200, "true", False),
        (503, "perhaps", True),
        (413, "perhaps", False),
    ],
)
def test_the_provider_says_whether_to_ask_again(status: int, said: str | None, again: bool) -> None:
    assert is_retryable(status, {"x-should-retry": said} if said else {}) is again


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2"}, 2),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250.5", "retry-after": "9"}, 0.2505),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after-ms": "Thu, 01 Jan 1970 00:01:40 GMT"}, None),
        ({"retry-after-ms": "-5"}, 0),
    ],
)
def test_milliseconds_come_before_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert wait_asked_for(headers) == seconds
