import pytest

from harness.bench.memory import growth


def test_a_leak_is_told_from_a_warm_up():
    leak = growth([(n * 100, 80_000_000 + n * 100 * 1024) for n in range(1, 21)])
    assert leak.slope == pytest.approx(1024)
    assert not leak.flat
    warm = growth([(n * 100, 80_000_000 + min(n, 8) * 1_000_000) for n in range(1, 21)])
    assert warm.slope == pytest.approx(0)
    assert warm.flat
