"""Clients that leave, and whether those that were answered had their answer.

The call of a client that leaves goes on for a while, since many come back for the answer.

Two seconds after the last byte it is known what became of an answer. A reset: it did not arrive. A
connection that lives, or has seen its next request: it did. One that was closed in good order:
nobody can tell. A one-shot client read all of it; one that gave up left it in its kernel or its
buffers, acknowledged and unread. Such an answer counts as undelivered for ``grace`` seconds, so
that a re-send is free, and as delivered from then on, so that asking again is a second sample.

The database learns of deliveries in batches; until then this process knows them.
"""

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from palimpsest.exchanges.exchange import Exchange, StopCause
from palimpsest.exchanges.model import EndCause, Outcome, RequestState
from palimpsest.exchanges.peers import CallStopper
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.runtime.errors import DatabaseUnavailable, Unavailable
from palimpsest.store.postgres.requests import RequestStore

RESET_SECONDS = 2.0
LONGEST_DOUBT = 60.0
_FLUSH_SECONDS = 0.5

_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class Connection:
    """What became of a client's connection: still open, closed, or ``reset``: the peer cut it, so
    that bytes handed to it last may not have arrived. ``on_lost`` is called when it goes."""

    open: bool = True
    reset: bool = False
    transport: asyncio.Transport | None = None
    on_lost: Callable[[], None] | None = None

    @property
    def closed(self) -> bool:
        """It was ended in good order, which does not say that the peer has read it all."""
        return not self.open and not self.reset

    def is_drained(self) -> bool:
        """Whether nothing waits in our own buffer for a peer that reads slowly, or not at all."""
        if not self.open or self.transport is None:
            return True
        return not self.transport.get_write_buffer_size()


class Deliveries:
    """``edge`` names this process; ``grace`` is what a client has to come back in, of which
    `LONGEST_DOUBT` counts at most. Times in seconds."""

    def __init__(self, requests: RequestStore, edge: str, grace: float) -> None:
        self._requests = requests
        self._edge = edge
        self._doubt = min(grace, LONGEST_DOUBT)
        self._drained: dict[str, tuple[Connection, float]] = {}

    def note_drained(self, request_id: str, connection: Connection) -> None:
        """The last byte of this answer was handed to the connection."""
        now = asyncio.get_running_loop().time()
        self._drained[request_id] = (connection, now + RESET_SECONDS)

    def is_delivered(self, request_id: str) -> bool:
        """Whether a client that is still connected has had the whole answer."""
        entry = self._drained.get(request_id)
        return entry is not None and entry[0].open and entry[0].is_drained()

    async def run(self) -> None:
        """Tell the database, for ever."""
        while True:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
            except DatabaseUnavailable as error:
                _log.warning("deliveries wait", reason=str(error))

    async def flush(self, *, closing: bool = False) -> None:
        """Record those whose two seconds are over; all when the process is ``closing``."""
        now = asyncio.get_running_loop().time()
        due = [
            key
            for key, (connection, at) in self._drained.items()
            if closing or (at <= now and connection.is_drained())
        ]
        arrived = [key for key in due if self._drained[key][0].open]
        if arrived:
            await self._requests.record_delivered(arrived)
        doubted = [key for key in due if self._drained[key][0].closed]
        if doubted:
            await self._requests.record_delivered(doubted, in_seconds=self._doubt)
        for key in set(due).difference(arrived, doubted):
            await self._requests.record_client_left(key, self._edge)
        for key in due:
            del self._drained[key]


_ASK_AGAIN_SECONDS = 1.0


class Disconnects:
    """Stops the call of an exchange that nobody has read for ``grace`` seconds; ``edge`` names
    this process, ``stopper`` reaches those that call in its stead."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        deliveries: Deliveries,
        edge: str,
        grace: float,
        stopper: CallStopper | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._deliveries = deliveries
        self._edge = edge
        self._stopper = stopper
        self._grace = None if math.isinf(grace) else grace
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def client_answered(self, exchange: Exchange, connection: Connection) -> None:
        """A client was handed the whole of what there is."""
        exchange.clients -= 1
        if exchange.answer.error is None:
            self._deliveries.note_drained(exchange.request_id, connection)
        self._exchanges.forget_if_over(exchange.request_id)

    def client_left(self, exchange: Exchange) -> None:
        """A client has gone before the end of its answer."""
        exchange.clients -= 1
        if exchange.clients:
            return
        earlier = self._waiting.get(exchange.request_id)
        if earlier:
            # Who came back and left again has the whole grace once more.
            earlier.cancel()
        self._run(exchange.request_id, asyncio.create_task(self._wait_for_return(exchange)))

    def end_refused(self, request_id: str, status: int, reason: str) -> None:
        """A client was refused while the database was away, which may have taken the request all
        the same: it ends as soon as the database is back, so that nobody carries it out."""
        work = self._end_when_database_is_back(request_id, status, reason)
        self._run(request_id, asyncio.create_task(work))

    def _run(self, request_id: str, task: asyncio.Task[None]) -> None:
        self._waiting[request_id] = task
        task.add_done_callback(partial(self._done, request_id))

    def _done(self, request_id: str, task: asyncio.Task[None]) -> None:
        if self._waiting.get(request_id) is task:
            del self._waiting[request_id]

    async def _wait_for_return(self, exchange: Exchange) -> None:
        _log.info("client left", grace=self._grace)
        if self._grace != 0 or self._stopper:
            await self._record_client_left(exchange)
        ended = await exchange.answer.wait_for_end(self._grace)
        # A client that came back in time, or a call that outlived its own edge, goes on.
        if not ended and not exchange.clients and not exchange.recovered:
            await self._give_up(exchange)
        self._exchanges.forget_if_over(exchange.request_id)

    async def _end_when_database_is_back(self, request_id: str, status: int, reason: str) -> None:
        while True:
            try:
                await self._requests.end_without_answer(request_id, Outcome.FAILED, status, reason)
            except DatabaseUnavailable:
                await asyncio.sleep(_ASK_AGAIN_SECONDS)
            else:
                return

    async def _record_client_left(self, exchange: Exchange) -> None:
        try:
            await self._requests.record_client_left(exchange.request_id, self._edge)
        except DatabaseUnavailable as error:
            _log.warning("the client's leaving could not be recorded", reason=str(error))

    async def _give_up(self, exchange: Exchange) -> None:
        exchange.stop(StopCause.CLIENT_LEFT)
        if self._stopper:
            await self._stop_elsewhere(exchange, self._stopper)
            return
        if exchange.call:
            await asyncio.wait({exchange.call})
        # Where no call has settled it: the row that has ended keeps the next one from being made.
        exchange.fail(Unavailable(EndCause.CLIENT_LEFT))
        try:
            await self._requests.end_without_answer(
                exchange.request_id, Outcome.ABANDONED, 499, EndCause.CLIENT_LEFT
            )
        except DatabaseUnavailable as error:
            _log.warning("the client's leaving could not be recorded", reason=str(error))

    async def _stop_elsewhere(self, exchange: Exchange, stopper: CallStopper) -> None:
        """Ask whoever calls to stop, until that is on record; end a request nobody calls for."""
        recorded = False
        while not exchange.answer.ended:
            try:
                back = self._exchanges.get(exchange.request_id) is not exchange
                if not back and not recorded:
                    # The database may have been away when it left.
                    await self._requests.record_client_left(exchange.request_id, self._edge)
                    recorded = True
                if back or await self._is_settled(exchange.request_id):
                    exchange.fail(Unavailable(EndCause.CLIENT_LEFT))
                    return
            except DatabaseUnavailable as error:
                _log.warning("a call cannot be stopped now", reason=str(error))
            await stopper.request_stop(exchange.request_id)
            await exchange.answer.wait_for_end(_ASK_AGAIN_SECONDS)

    async def _is_settled(self, request_id: str) -> bool:
        """Whether nothing is left to stop: it has ended, or its client came to another edge."""
        held = await self._requests.find_claim_holder(request_id)
        if held is None or held.state == RequestState.ENDED:
            return True
        if held.edge != self._edge or not held.client_gone:
            return True
        return not held.calling and await self._requests.end_without_answer(
            request_id, Outcome.ABANDONED, 499, EndCause.CLIENT_LEFT, fence=held.fence
        )
