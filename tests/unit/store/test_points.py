"""A memory and its point are told from each other, and times and places stay exact."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as some

from palimpsest.store.vectors.model import SearchFilter, Span
from palimpsest.store.vectors.points import (
    AtPlaces,
    conditions,
    microseconds,
    point_id,
)

BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
moments = some.timedeltas(timedelta(0), timedelta(days=285 * 365)).map(lambda age: BEGAN + age)


@given(some.sets(some.text(), min_size=2))
def test_every_memory_is_a_number_of_64_bits(ids: set[str]) -> None:
    points = {point_id(one) for one in ids}
    assert len(points) == len(ids)
    assert all(0 <= point < 2**64 for point in points)


@given(moments, moments)
def test_times_are_ordered_as_whole_numbers_that_a_float_holds(a: datetime, b: datetime) -> None:
    assert (microseconds(a) < microseconds(b)) == (a < b)
    assert int(float(microseconds(a))) == microseconds(a)


@given(some.lists(some.tuples(some.text(), some.integers(0, 1000)), unique=True, max_size=50))
def test_every_place_is_another(places: list[tuple[str, int]]) -> None:
    where = SearchFilter("default", spans=tuple(Span(name, at, at) for name, at in places))
    told = [
        place
        for condition in conditions(where).every
        if isinstance(condition, AtPlaces)
        for place in condition.places
    ]
    assert len(set(told)) == len(places)
    assert all(0 <= place < 2**63 for place in told)
