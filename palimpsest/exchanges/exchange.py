"""One proxied request in this process: what came in, its credentials, its lifecycle, its answer.

Credentials live here, in memory, and nowhere else. An exchange is forgotten when its client was
answered or has left, and its upstream call is over.

Its lifecycle is its stages, and who wants its call stopped:

    received ── accepted ── placed ── rewritten ── dialled ── released ── settling ── ended
                                          ^            │          │           │
                                          └────────────┴──────────┴───────────┘
                                        another attempt, or the lease went to another process

A stage may be skipped: a request that another process accepted begins here with its call.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from palimpsest.conversations.lookup import Arrival, Placement
from palimpsest.conversations.rendered import Rendered
from palimpsest.dialects.model import RequestView
from palimpsest.exchanges.answer import Answer
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import PalimpsestError
from workflows.contracts import ForwardUpstreamResult


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
        self._begun: list[Callable[[], None]] = []

    def advance(self, stage: Stage) -> None:
        """Go on to a later stage. An earlier one changes nothing: activities may run twice."""
        if _ORDER[stage] > _ORDER[self.stage]:
            self.stage = stage
        self.is_settled = self.is_settled or stage is Stage.SETTLING
        self._tell_begun()

    def on_begun(self, listener: Callable[[], None]) -> None:
        """``listener`` is called, once, when the request is dialled or over; at once if it is."""
        self._begun.append(listener)
        self._tell_begun()

    def _tell_begun(self) -> None:
        if _ORDER[self.stage] >= _ORDER[Stage.DIALLED]:
            for listener in self._begun:
                listener()
            self._begun.clear()

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


UpstreamCall = asyncio.Task[ForwardUpstreamResult]


@dataclass(slots=True, eq=False)
class Exchange:
    """A request with its answer and its call.

    ``target`` is path and query string as they came.
    ``encoded`` is the body as it came, where that had a content-encoding; the view's is plain.
    ``received`` is on the `time.perf_counter` clock, in seconds.
    ``caller``: whose it is, once that is known.
    ``recovered``: the process that took it in died, so its call runs to its end whoever waits.
    ``lifecycle`` is the one place that tells how far it has come and who wants it stopped.
    ``accept_ms`` is how long its commit took.
    ``placement`` is where it stands, once that was looked up here.
    ``rendered`` goes to the provider instead of the view's body, unless it is None.
    ``clients`` counts those who read the answer.
    """

    request_id: str
    view: RequestView
    target: bytes
    headers: RawHeaders = field(repr=False)
    received: float = field(default_factory=time.perf_counter)
    recovered: bool = False
    caller: str = ""
    encoded: bytes | None = field(default=None, repr=False)
    lifecycle: Lifecycle = field(default_factory=Lifecycle, init=False)
    answer: Answer = field(default_factory=Answer, init=False)
    accept_ms: float | None = field(default=None, init=False)
    placement: Placement | None = field(default=None, init=False, repr=False)
    rendered: Rendered | None = field(default=None, init=False, repr=False)
    call: UpstreamCall | None = field(default=None, init=False)
    clients: int = field(default=0, init=False)

    def under_id(self, request_id: str) -> "Exchange":
        """The same request under the id of the one that it repeats, with an answer of its own."""
        adopted = Exchange(request_id, self.view, self.target, self.headers, self.received)
        adopted.caller, adopted.encoded = self.caller, self.encoded
        adopted.answer.keep_in(self.answer.directory)
        adopted.lifecycle.advance(Stage.ACCEPTED)
        return adopted

    def arrival(self) -> Arrival:
        """The request as it came, for what looks its conversation up."""
        return Arrival(self.request_id, self.view, self.headers, self.caller)

    def outgoing(self) -> tuple[RawHeaders, bytes]:
        """Headers and body for the provider: as they came, or as decided; a body of ours, or one
        that was captured by another process, is not encoded."""
        if self.rendered is None and self.encoded is not None:
            return self.headers, self.encoded
        headers = tuple(pair for pair in self.headers if not _encodes(*pair))
        if self.rendered is None:
            return headers, self.view.body
        return self.rendered.headers(headers), self.rendered.body

    def accept(self, took_ms: float) -> None:
        """It is committed."""
        self.accept_ms = took_ms
        self.lifecycle.advance(Stage.ACCEPTED)

    def place(self, placement: Placement) -> None:
        """Its conversation is known."""
        self.placement = placement
        self.lifecycle.advance(Stage.PLACED)

    def rewrite(self, rendered: Rendered | None) -> None:
        """What the model will see: a rendered body, or the one that came."""
        self.rendered = rendered
        self.lifecycle.advance(Stage.REWRITTEN)

    def begin_call(self, work: Coroutine[Any, Any, ForwardUpstreamResult]) -> UpstreamCall:
        """Run the call as a task of this process: it outlives the activity that began it."""
        self.call = asyncio.create_task(work)
        return self.call

    def end(self) -> None:
        """Its answer is whole."""
        self.answer.end()
        self.lifecycle.advance(Stage.ENDED)

    def fail(self, error: PalimpsestError) -> None:
        """There is no answer, or no more of it."""
        self.answer.fail(error)
        self.lifecycle.advance(Stage.ENDED)

    def stop(self, cause: StopCause) -> None:
        """Cut the call, unless its end is known by now."""
        if self.lifecycle.request_stop(cause, calling=self.call is not None) and self.call:
            self.call.cancel()

    @property
    def is_calling(self) -> bool:
        """Whether a call upstream is under way in this process."""
        return self.call is not None and not self.call.done()

    def is_over(self) -> bool:
        """Its answer has ended, its call too, and no client is left."""
        return self.answer.ended and not self.is_calling and not self.clients

    def elapsed(self) -> float:
        """Seconds since the request was received."""
        return time.perf_counter() - self.received


def _encodes(name: bytes, value: bytes) -> bool:
    return name.lower() == b"content-encoding" and value.lower() != b"identity"
