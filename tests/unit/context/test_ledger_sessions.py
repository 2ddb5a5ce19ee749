"""The ledger's promises over all prefixes of real sessions and of generated conversations.

Every request passes the strict rules, the user's words survive, the same request gives the same
bytes, and a rewrite breaks the prefix once.
"""

from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.eval.sessions import (
    DATA,
    Session,
    load,
    paths,
)
from palimpsest.context.planner import Policy
from palimpsest.dialects.anthropic.models import lookup
from tests.support.generated_conversations import CONVERSATIONS, Conversation
from tests.support.ledger_run import Run

# Off at 20K, where economy doubles the epochs and the time of this test.
LIMITS = {20_000: Policy(thrift=False), 40_000: Policy(), 80_000: Policy()}
# Where something is recalled on every turn of a person.
RECALLING = (40_000, 80_000)
PRESERVED = "claude-opus-5-5"
STABLE = 0.94

pytestmark = pytest.mark.long


class Led(NamedTuple):
    """``stable`` is the mean of the sessions' prefix shares."""

    epochs: int
    one_break_each: bool
    stable: float


_led: dict[int, Led] = {}


@pytest.fixture(scope="module")
def sessions() -> list[Session]:
    found = [load(path) for path in paths(DATA)]
    if not found:
        pytest.skip(f"no sessions in {DATA / 'agent_sessions'}")
    return found


def waits(session: Session) -> list[float]:
    """Seconds before each message."""
    times = [turn.at for turn in session.turns]
    return [0.0, *(late - early for early, late in pairwise(times))]


def led(sessions: list[Session], limit: int) -> Led:
    """All sessions at that limit, every other one as if its model bound its thinking."""
    if limit not in _led:
        runs: list[Run] = []
        for number, session in enumerate(sessions, list(LIMITS).index(limit)):
            model = PRESERVED if number % 2 else lookup(session.model).name
            runs.append(Run(limit, model, policy=LIMITS[limit], recalling=limit in RECALLING))
            runs[-1].lead([turn.message for turn in session.turns], waits(session))
        _led[limit] = Led(
            sum(run.epochs for run in runs),
            all(run.breaks <= run.epochs for run in runs),
            fmean(run.stability for run in runs),
        )
    return _led[limit]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("limit", LIMITS)
def test_every_prefix_of_every_session(sessions: list[Session], limit: int) -> None:
    """The run itself checks rules, words and bytes at each request."""
    found = led(sessions, limit)
    assert found.epochs > len(sessions) / 4
    assert found.one_break_each


@pytest.mark.timeout(600)
@pytest.mark.parametrize("limit", LIMITS)
def test_prefixes_are_stable(sessions: list[Session], limit: int) -> None:
    assert led(sessions, limit).stable >= STABLE


@settings(max_examples=40, deadline=None)
@given(CONVERSATIONS, st.booleans())
def test_generated_conversations(conversation: Conversation, recalling: bool) -> None:
    run = Run(conversation.limit, conversation.model, conversation.thinking, recalling=recalling)
    run.lead(conversation.messages, conversation.waits)
    assert run.breaks <= run.epochs
