"""A request's life in one process, as a machine that Hypothesis drives."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from palimpsest.exchanges.exchange import Lifecycle, Stage, StopCause

ORDER = list(Stage)


class Life(RuleBasedStateMachine):
    """Activities advance it in any order and twice; anybody may want its call stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Lifecycle()
        self.furthest = Stage.RECEIVED
        self.causes: set[StopCause] = set()

    @rule(stage=st.sampled_from(ORDER))
    def advance(self, stage: Stage) -> None:
        self.life.advance(stage)
        self.furthest = max(self.furthest, stage, key=ORDER.index)

    @rule()
    def dial_again(self) -> None:
        self.life.return_to_dial()
        if Stage.REWRITTEN != self.furthest != Stage.ENDED:
            self.furthest = min(self.furthest, Stage.REWRITTEN, key=ORDER.index)

    @rule(cause=st.sampled_from(StopCause), calling=st.booleans())
    def stop(self, cause: StopCause, calling: bool) -> None:
        cut = self.life.request_stop(cause, calling=calling)
        self.causes.add(cause)
        assert cut == (calling and not self.life.is_settled)

    @precondition(lambda self: self.life.is_settled)
    @rule(cause=st.sampled_from(StopCause))
    def nothing_stops_what_is_settled(self, cause: StopCause) -> None:
        assert not self.life.request_stop(cause, calling=True)
        self.causes.add(cause)

    @invariant()
    def it_never_goes_back_but_to_dial(self) -> None:
        assert self.life.stage is self.furthest

    @invariant()
    def every_cause_is_kept(self) -> None:
        assert self.life.client_left == (StopCause.CLIENT_LEFT in self.causes)
        assert self.life.handed_over == (StopCause.HAND_OVER in self.causes)


TestLife = Life.TestCase


def test_a_request_of_another_process_begins_with_its_call() -> None:
    life = Lifecycle()
    life.advance(Stage.DIALLED)
    life.advance(Stage.ACCEPTED)
    assert life.stage is Stage.DIALLED


def test_a_request_that_was_ended_from_outside_can_still_be_cut() -> None:
    life = Lifecycle()
    life.advance(Stage.DIALLED)
    life.advance(Stage.ENDED)
    assert life.request_stop(StopCause.OPERATOR, calling=True)
    assert life.stopped
