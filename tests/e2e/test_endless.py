"""A scripted conversation of several windows: what is forwarded fits, is valid, and stays stable.

`make marathon` is the same to 5,000,000 tokens, with times.
"""

from contextlib import aclosing

import pytest

from harness.marathon.walk import Course, walk
from harness.simulator import Simulator
from tests.support.supervisor import Up

CAP = 180_000
TOKENS = 600_000
LATE = 0.05
"""The share of turns that may go above the cap, since their plans came too late."""


@pytest.mark.parametrize("name", ["claude-opus-5-5", "claude-sonnet-4-5"])
async def test_a_conversation_of_three_windows(name: str, up: Up, upstream: Simulator) -> None:
    async with aclosing(walk(up.url, upstream, name, TOKENS)) as turns:
        course = Course([turn async for turn in turns])
    assert course.turns[-1].client >= TOKENS
    above = [turn.forwarded for turn in course.turns if turn.forwarded > CAP]
    assert len(above) <= len(course.turns) * LATE, above
    assert course.stability >= 0.94
    assert 0 < course.breaks <= course.epochs
    assert not [turn for turn in course.turns if turn.dropped]
