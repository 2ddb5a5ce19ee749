import random

import pytest

from harness.bench.percentiles import percentile, percentiles


def test_nearest_rank_of_a_hundred():
    samples = [float(number) for number in range(1, 101)]
    random.Random(3).shuffle(samples)
    found = percentiles(samples)
    assert (found.p50, found.p95, found.p99) == (50.0, 95.0, 99.0)


def test_one_sample_is_every_percentile():
    found = percentiles([7.25])
    assert (found.p50, found.p95, found.p99) == (7.25, 7.25, 7.25)


def test_the_slowest_of_few_is_the_p99():
    assert percentile([1.0, 2.0, 900.0], 0.99) == 900.0


def test_no_samples_is_an_error():
    with pytest.raises(ValueError, match="no samples"):
        percentiles([])
