"""What each strategy makes of a client's request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.eval.meter import Meter
from palimpsest.dialects.model import ModelInfo


@dataclass(frozen=True)
class ClientRequest:
    """One request: the client's messages, when it came, and seconds since the last answer."""

    messages: tuple[bytes, ...]
    body: Callable[[Sequence[bytes]], bytes]
    at: float
    idle: float | None


@dataclass(frozen=True)
class UpstreamRequest:
    """What goes upstream; ``extra``: billed tokens of a further call that it took. ``epoch``: a
    rewrite began with it."""

    messages: tuple[bytes, ...]
    extra: float = 0.0
    epoch: bool = False


class Strategy(Protocol):
    """Rewrites the requests of one conversation, one after the other."""

    def send(self, request: ClientRequest) -> UpstreamRequest: ...


@dataclass(frozen=True)
class StrategyContext:
    """What a strategy is made for: one conversation's model, limit and meter."""

    info: ModelInfo
    limit: int
    meter: Meter


class PassThrough:
    """The client's own request."""

    def send(self, request: ClientRequest) -> UpstreamRequest:
        return UpstreamRequest(request.messages)
