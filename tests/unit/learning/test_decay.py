"""The worth of lessons decays, falls with failures, and ends in expiry."""

from datetime import timedelta

import msgspec
import pytest

from palimpsest.learning.decay import HALF_LIFE, current_worth, is_stale
from palimpsest.learning.extraction import extract_candidates
from palimpsest.memory.archive import Origin
from palimpsest.memory.model import Fix, Memory, injectable
from tests.support.agent_work import (
    ROOT,
    Doing,
    mended,
)
from tests.support.stored_memories import SAID_AT, turn


def memories(doing: Doing, conversation: str = "conv_1") -> list[Memory]:
    found = extract_candidates(doing.messages, ROOT)
    return [one.to_memory(Origin("default", ROOT, conversation), SAID_AT) for one in found]


def fix() -> Memory:
    return next(memory for memory in memories(mended()) if isinstance(memory.detail, Fix))


def changed(memory: Memory, **fields: object) -> Memory:
    return msgspec.structs.replace(memory, **fields)


def test_worth_halves_with_time() -> None:
    then, later = current_worth(fix(), SAID_AT), current_worth(fix(), SAID_AT + HALF_LIFE)
    assert later == pytest.approx(then / 2)


def test_what_more_conversations_bore_out_fades_slower() -> None:
    later = SAID_AT + HALF_LIFE
    assert current_worth(changed(fix(), conversations=4), later) > current_worth(fix(), later)


def test_what_does_not_help_sinks() -> None:
    failing = changed(fix(), conversations=2, failures=9)
    assert (
        current_worth(failing, SAID_AT)
        < 0.1
        < current_worth(changed(failing, successes=9), SAID_AT)
    )
    assert not injectable(failing)


def test_what_faded_is_stale_unless_confirmed() -> None:
    later = SAID_AT + 5 * HALF_LIFE
    assert is_stale(fix(), later)
    assert not is_stale(fix(), SAID_AT + HALF_LIFE)
    assert not is_stale(changed(fix(), confirmed=True), later)
    assert not is_stale(turn("what was said"), SAID_AT + timedelta(days=10_000))
