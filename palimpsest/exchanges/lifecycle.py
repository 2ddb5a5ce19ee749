"""The life of a request in one process: its stages, and who wants its call stopped.

    received ── accepted ── placed ── rewritten ── dialled ── released ── settling ── ended
                                          ^            │          │           │
                                          └────────────┴──────────┴───────────┘
                                        another attempt, or the lease went to another process

A stage may be skipped: a request that another process accepted begins here with its call.
"""

from enum import StrEnum


class Stage(StrEnum):
    """How far a request has come, in this order.

    ``PLACED``: its conversation is known. ``REWRITTEN``: so is what the model will see.
    ``DIALLED``: a call is under way. ``RELEASED``: bytes of its answer may have been seen by the
    client. ``SETTLING``: how it ends is known, and only the commit is left.
    """

    RECEIVED = "received"
    ACCEPTED = "accepted"
    PLACED = "placed"
    REWRITTEN = "rewritten"
    DIALLED = "dialled"
    RELEASED = "released"
    SETTLING = "settling"
    ENDED = "ended"


class StopCause(StrEnum):
    """Why a call is to stop: an operator cancelled the workflow, nobody waits for the answer any
    more, or this process ends and another one is to call again."""

    OPERATOR = "operator"
    CLIENT_LEFT = "client_left"
    HAND_OVER = "hand_over"


_ORDER = {stage: number for number, stage in enumerate(Stage)}
_CALLING = (Stage.DIALLED, Stage.RELEASED, Stage.SETTLING)


class Lifecycle:
    """``stage`` is where the request is.
    ``is_settled``: how it ends is known here, so that nothing stops its call any more; a request
    that is ended from outside is not settled, and its call can be cut.
    ``stopped``: its call was cut for one of the causes that were given.
    """

    def __init__(self) -> None:
        self.stage = Stage.RECEIVED
        self.is_settled = False
        self.stopped = False
        self._causes: set[StopCause] = set()

    def advance(self, stage: Stage) -> None:
        """Go on to a later stage. An earlier one changes nothing: activities may run twice."""
        if _ORDER[stage] > _ORDER[self.stage]:
            self.stage = stage
        self.is_settled = self.is_settled or stage is Stage.SETTLING

    def return_to_dial(self) -> None:
        """The call is over and the request is not: whoever has the lease dials again."""
        self.is_settled = False
        if self.stage in _CALLING:
            self.stage = Stage.REWRITTEN

    def request_stop(self, cause: StopCause, *, calling: bool) -> bool:
        """Note the cause; True when the call is to be cut now. One that is ``calling`` and whose
        end is known is left to its commit."""
        self._causes.add(cause)
        if not calling or self.is_settled:
            return False
        self.stopped = True
        return True

    @property
    def client_left(self) -> bool:
        """Nobody waits for the answer any more."""
        return StopCause.CLIENT_LEFT in self._causes

    @property
    def handed_over(self) -> bool:
        """Another process is to call again."""
        return StopCause.HAND_OVER in self._causes
