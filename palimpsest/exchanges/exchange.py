"""One proxied request as this process holds it: what came in, credentials included, and its answer.

Credentials live here, in memory, and nowhere else. An exchange is forgotten when its client was
answered or has left, and its upstream call is over.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from palimpsest.conversations.rendered import Rendered
from palimpsest.dialects.anthropic.view import RequestView
from palimpsest.exchanges.answer import Answer
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import PalimpsestError
from workflows.contracts import ForwardUpstreamResult

if TYPE_CHECKING:
    from palimpsest.conversations.lookup import Placed


@dataclass(slots=True)
class Exchange:
    """``received`` is on the `time.perf_counter` clock; ``target`` is path and query string.

    ``finishing`` is set when the provider's answer is whole and only the commit is left: from then
    on nothing stops it. ``gave_up`` tells a client that left from an operator who cancelled.
    ``clients`` counts those who read the answer; ``output_tokens`` is an estimate while it runs.
    ``stopped``: the call was cut on purpose; ``handed_over``: because this process stops, and
    another one is to call again.
    ``recovered``: our own edge died, so that the call runs to its end whoever waits for it.
    ``placing`` looks up where it stands in what is known.
    ``rendered`` goes to the provider instead of the view's body, unless it is None; ``context`` is
    what the client is told of that, ``intelligence`` of what was recalled.
    """

    request_id: str
    view: RequestView
    target: bytes
    headers: RawHeaders = field(repr=False)
    received: float = field(default_factory=time.perf_counter)
    accept_ms: float | None = None
    answer: Answer = field(default_factory=Answer)
    call: asyncio.Task[ForwardUpstreamResult] | None = None
    placing: "asyncio.Task[Placed | None] | None" = None
    degraded: str | None = None
    rendered: Rendered | None = field(default=None, repr=False)
    context: str | None = None
    intelligence: str | None = None
    finishing: bool = False
    stopped: bool = False
    gave_up: bool = False
    recovered: bool = False
    handed_over: bool = False
    clients: int = 0
    output_tokens: int = 0

    def elapsed(self) -> float:
        """Seconds since the request was received."""
        return time.perf_counter() - self.received

    def is_over(self) -> bool:
        """Its answer has ended, its call too, and no client is left."""
        running = self.call is not None and not self.call.done()
        return self.answer.ended and not running and not self.clients

    def stop(self) -> None:
        """Stop the upstream call, unless it is over but for the commit."""
        if self.call and not self.finishing:
            self.stopped = True
            self.call.cancel()

    def give_up(self) -> None:
        """Nobody waits for the answer any more."""
        self.gave_up = True
        self.stop()

    def hand_over(self) -> None:
        """Cut the upstream call, for another process to make it anew."""
        self.handed_over = True
        self.stop()


def told(exchange: Exchange) -> RawHeaders:
    """Our own headers of its answer."""
    said = (
        (b"x-palimpsest-context", exchange.context),
        (b"x-palimpsest-intelligence", exchange.intelligence),
        (b"x-palimpsest-degraded", exchange.degraded),
    )
    return tuple((name, value.encode("latin-1")) for name, value in said if value)


class Exchanges:
    """The exchanges of this process, by request id."""

    def __init__(self) -> None:
        self._open: dict[str, Exchange] = {}
        self._none_left = asyncio.Event()
        self._none_left.set()

    async def none_left(self) -> None:
        """Wait until every exchange is forgotten."""
        await self._none_left.wait()

    def __len__(self) -> int:
        return len(self._open)

    def get(self, request_id: str) -> Exchange | None:
        return self._open.get(request_id)

    def ids(self) -> list[str]:
        """The ids of all of them."""
        return list(self._open)

    def add(self, exchange: Exchange) -> None:
        self._open[exchange.request_id] = exchange
        self._none_left.clear()

    def forget(self, request_id: str) -> None:
        self._open.pop(request_id, None)
        if not self._open:
            self._none_left.set()

    def forget_if_over(self, request_id: str) -> None:
        """Forget an exchange that nobody reads and nobody writes any more."""
        exchange = self._open.get(request_id)
        if exchange and exchange.is_over():
            self.forget(request_id)

    def fail(self, request_id: str, error: PalimpsestError) -> None:
        """Tell the client, if it is connected here, that no answer will come."""
        exchange = self._open.get(request_id)
        if exchange:
            exchange.answer.fail(error)
