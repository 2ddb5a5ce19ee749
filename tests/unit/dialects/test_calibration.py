"""The estimate's error on real sessions, whose prompts' true sizes are known.

System and tools are not in the data: an estimate starts from one measured prompt and adds growth.
"""

from bisect import bisect_left
from itertools import pairwise

import pytest

from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.anthropic.sizes import message_tokens
from tests.support.sessions import Segment, encode, load

Point = tuple[int, float]


def points(segment: Segment) -> list[Point]:
    """For each measured prompt: its true size, and the estimate of its messages."""
    info = lookup(segment.model)
    total, last, found = 0.0, None, list[Point]()
    for message, prompt in zip(segment.messages, segment.prompts, strict=True):
        if prompt and prompt != last:
            found.append((prompt, total))
            last = prompt
        total += message_tokens(encode(message), info.image_tokens) * info.ratio
    return found


def error(start: Point, end: Point) -> float:
    return abs(start[0] + end[1] - start[1] - end[0]) / end[0]


def share_within(errors: list[float], bound: float) -> float:
    return bisect_left(sorted(errors), bound) / len(errors)


@pytest.fixture(scope="module")
def measured() -> list[list[Point]]:
    return [points(segment) for segment in load(step=3, longest=400)]


def test_the_next_prompt_is_foreseen(measured: list[list[Point]]) -> None:
    errors = [error(one, other) for segment in measured for one, other in pairwise(segment)]
    assert len(errors) > 1000
    assert share_within(errors, 0.002) > 0.75
    assert share_within(errors, 0.02) > 0.95


def test_a_whole_segment_is_foreseen_from_its_first_prompt(measured: list[list[Point]]) -> None:
    """Without correction on the way; where the client shortened its prompt none is possible."""
    grown = [s for s in measured if s and all(one[0] < other[0] for one, other in pairwise(s))]
    errors = [error(segment[0], point) for segment in grown for point in segment[1:]]
    assert len(grown) > len(measured) / 2
    assert len(errors) > 800
    assert share_within(errors, 0.03) > 0.5
    assert share_within(errors, 0.08) > 0.95
