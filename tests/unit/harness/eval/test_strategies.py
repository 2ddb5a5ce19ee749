"""Each strategy over a session that goes beyond the window."""

import pytest

from harness.eval.needles import SHAPES, plant_needles
from harness.eval.profiles import PRESERVED, RECORDED
from harness.eval.replay import SessionReplay, replay
from tests.support.eval_sessions import loop, session

LONG = session(*loop(120, lines=180))


def replayed(name: str, *, preserved: bool = False) -> SessionReplay:
    found, needles = plant_needles(LONG)
    return replay(found, needles, PRESERVED if preserved else RECORDED, name)


def test_needles_are_unique_and_always_the_same() -> None:
    found, needles = plant_needles(LONG)
    assert plant_needles(LONG) == (found, needles)
    assert len(needles) == 11
    assert {needle.shape for needle in needles} == set(SHAPES)
    text = str([turn.message for turn in found.turns])
    assert [text.count(needle.key) for needle in needles] == [1] * len(needles)
    assert all(needle.key in str(found.turns[needle.position].message) for needle in needles)


def test_pass_through_overflows_and_loses_nothing() -> None:
    found = replayed("pass-through")
    assert found.beyond
    assert found.completed + found.overflows == found.calls == 121
    assert found.overflows > 0
    assert found.peak < 200_000 < found.longest
    assert (found.violations, found.breaks, found.stable) == (0, 0, 1)
    assert found.needles.lost == ()


def test_compaction_cuts_the_history() -> None:
    found = replayed("compaction")
    assert found.completed == found.calls
    assert found.peak <= 160_000
    assert found.breaks == found.epochs > 0
    assert found.needles.tool < found.needles.tool_of


def test_recency_breaks_bound_thinking_and_the_cache() -> None:
    found = replayed("recency", preserved=True)
    assert found.violations > 0
    assert "prefix_binding_mismatch" in str(found.first_violation)
    assert found.breaks > 10
    assert found.billed > replayed("compaction", preserved=True).billed


@pytest.mark.parametrize("preserved", [True, False])
def test_the_ledger_completes_every_turn(*, preserved: bool) -> None:
    found = replayed("ledger", preserved=preserved)
    assert found.completed == found.calls
    assert (found.overflows, found.violations) == (0, 0)
    assert 0 < found.breaks <= found.epochs
    assert found.stable > 0.94
    assert found.needles.user == found.needles.user_of == 1
