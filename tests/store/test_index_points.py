"""A memory and its point are told from each other, and times and places stay exact."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from intelligence.memory import Kind, memory_id
from store.index_points import AtPlaces, conditions, memory_id_of, microseconds, point_id
from store.vectors import Span, Where

BEGAN = datetime(1970, 1, 1, tzinfo=UTC)
moments = some.timedeltas(timedelta(0), timedelta(days=285 * 365)).map(lambda age: BEGAN + age)


@given(some.text())
def test_an_id_is_a_point_and_back(content: str) -> None:
    known = memory_id("default", "/p", Kind.TURN, content)
    assert memory_id_of(point_id(known)) == known


@pytest.mark.parametrize("wrong", ["", "mem_", "mem_xyz", "req_1"])
def test_what_is_no_memory_is_no_point(wrong: str) -> None:
    with pytest.raises(ValueError, match="UUID"):
        point_id(wrong)


@given(moments, moments)
def test_times_are_ordered_as_whole_numbers_that_a_float_holds(a: datetime, b: datetime) -> None:
    assert (microseconds(a) < microseconds(b)) == (a < b)
    assert int(float(microseconds(a))) == microseconds(a)


@given(some.lists(some.tuples(some.text(), some.integers(0, 1000)), unique=True, max_size=50))
def test_every_place_is_another(places: list[tuple[str, int]]) -> None:
    where = Where("default", spans=tuple(Span(name, at, at) for name, at in places))
    told = [
        place
        for condition in conditions(where).every
        if isinstance(condition, AtPlaces)
        for place in condition.places
    ]
    assert len(set(told)) == len(places)
    assert all(0 <= place < 2**63 for place in told)
