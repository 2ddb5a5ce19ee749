"""What is known to be stored, within small bounds, still spares long conversations their past."""

from typing import Any

import pytest

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.model import RequestView
from palimpsest.store.postgres.capture import (
    CAPACITY,
    TTL_SECONDS,
    CapturedBody,
    StoredCache,
    capture,
)
from tests.support.requests import body_of

LONG = 3_000
"""Messages of a prompt of about a million tokens."""


def turn(conversation: int, messages: int, *, forked: str = "") -> RequestView:
    """The newest message has the cache marker, and will look otherwise in the next turn."""
    contents: list[Any] = [
        f"conversation {conversation} message {number}" for number in range(messages)
    ]
    marked = {"type": "text", "text": contents[-1] + forked, "cache_control": {"type": "ephemeral"}}
    contents[-1] = [marked]
    system = [{"type": "text", "text": f"system {conversation} " * 60}]
    return parse(body_of(*({"role": "user", "content": each} for each in contents), system=system))


def take(known: StoredCache, view: RequestView) -> CapturedBody:
    """Capture and commit."""
    body = capture(view, known)
    known.add_committed((*body.latest, *body.parts))
    return body


def test_eight_long_conversations_send_what_is_new() -> None:
    known = StoredCache()
    assert [len(take(known, turn(each, LONG)).nodes) for each in range(8)] == [LONG] * 8
    for other in range(100, 100 + CAPACITY // 2 - 100):
        take(known, turn(other, 1))
    for each in range(8):
        later = take(known, turn(each, LONG + 2))
        assert (len(later.nodes), len(later.blobs)) == (3, 3)


def test_a_fork_at_an_earlier_turn_shares_what_came_before() -> None:
    known = StoredCache()
    for messages in (11, 13, 15):
        take(known, turn(1, messages))
    assert [node.depth for node in take(known, turn(1, 12, forked="!")).nodes] == [12]


def test_it_is_bounded_and_forgets_in_time() -> None:
    clock = iter([0.0, 0.0, TTL_SECONDS - 1, TTL_SECONDS + 1]).__next__
    known = StoredCache(clock)
    known.add_committed([b"a"])
    known.add_committed([b"%d" % number for number in range(CAPACITY - 1)])
    assert b"a" in known
    assert b"a" not in known


@pytest.mark.parametrize("number", [0, 1])
def test_the_oldest_goes_first(number: int) -> None:
    known = StoredCache()
    known.add_committed([b"%d" % each for each in range(CAPACITY + 1)])
    assert (b"%d" % number in known) is (number > 0)
