"""Takes a request in: commits it or joins the one it repeats, and starts its workflow."""

import shutil
from pathlib import Path

import structlog

from palimpsest.conversations.callers import Callers
from palimpsest.conversations.lookup import ConversationLookup
from palimpsest.exchanges.disconnects import Disconnects
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.idempotency import Idempotency
from palimpsest.exchanges.model import Outcome
from palimpsest.exchanges.peers import AnswerSource, Engine
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.runtime.errors import (
    DatabaseUnavailable,
    EngineUnavailable,
    PalimpsestError,
    Unavailable,
    unforeseen,
)
from palimpsest.store.postgres.database import retry_unavailable
from palimpsest.store.postgres.requests import RequestStore

_LITTLE_ROOM = 16 * 1024 * 1024
_CUT = "the request was given up while it was being taken in"

_log = structlog.stdlib.get_logger()


class Acceptance:
    """``timeout``: seconds that a database that is away is waited for; ``data_dir``: where the
    embedded engine writes."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        idempotency: Idempotency,
        lookup: ConversationLookup,
        engine: Engine,
        disconnects: Disconnects,
        callers: Callers,
        *,
        timeout: float,
        data_dir: Path,
        source: AnswerSource | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._idempotency = idempotency
        self._lookup = lookup
        self._engine = engine
        self._disconnects = disconnects
        self._callers = callers
        self._timeout = timeout
        self._data_dir = data_dir
        self._source = source

    async def accept(self, exchange: Exchange) -> Exchange:
        """The exchange that the client is answered from, with the client counted in. Raises
        BadRequest, DatabaseUnavailable or EngineUnavailable."""
        # Known here before it is committed, so that a re-send finds it at once.
        exchange.clients = 1
        self._exchanges.add(exchange)
        try:
            identify, claim = self._callers.identify, self._idempotency.claim
            exchange.caller = await retry_unavailable(
                self._timeout, lambda: identify(exchange.headers)
            )
            carried = await retry_unavailable(self._timeout, lambda: claim(exchange))
            if carried is exchange:
                await self._begin(exchange)
        except PalimpsestError as error:
            explained = _explain(error, self._data_dir)
            exchange.fail(explained)
            self._exchanges.forget(exchange.request_id)
            await self._end_refused(exchange.request_id, explained)
            raise explained from error
        except BaseException as error:
            # A bug, or the end of the task: nobody carries it on, and nothing holds its body.
            self._abandon(exchange, error)
            raise
        if carried is not exchange:
            self._exchanges.forget(exchange.request_id)
            carried.clients += 1
        return carried

    def _abandon(self, exchange: Exchange, cause: BaseException) -> None:
        """Forget what was cut in the midst of being taken in; a row that it may have ends soon."""
        error = unforeseen(cause) if isinstance(cause, Exception) else Unavailable(_CUT)
        exchange.fail(error)
        self._exchanges.forget(exchange.request_id)
        self._disconnects.end_refused(exchange.request_id, error.status, str(error))

    async def _begin(self, exchange: Exchange) -> None:
        """Look its conversation up while the engine starts its workflow."""
        if self._source:
            self._source.subscribe(exchange.request_id, exchange.answer)
        self._lookup.begin(exchange.arrival())
        await self._start(exchange)

    async def _start(self, exchange: Exchange) -> None:
        """Start its workflow. A start whose answer is lost may have been taken all the same: a
        call that has begun is not cut, and one that has not is not made any more."""
        request_id = exchange.request_id
        try:
            await self._engine.start(request_id, exchange.view.model)
        except EngineUnavailable as error:
            if await self._requests.end_without_answer(
                request_id, Outcome.FAILED, error.status, str(error), fence=0
            ):
                raise
            _log.info("the engine has taken it", reason=str(error))

    async def _end_refused(self, request_id: str, error: PalimpsestError) -> None:
        """Engine or database may have taken the request and only the answer was lost: the row
        that has ended keeps everybody from calling the provider for nobody."""
        try:
            if not isinstance(error, DatabaseUnavailable):
                await self._requests.end_without_answer(
                    request_id, Outcome.FAILED, error.status, str(error)
                )
                return
        except DatabaseUnavailable as again:
            _log.warning("the refusal waits to be recorded", reason=str(again))
        self._disconnects.end_refused(request_id, error.status, str(error))


def _explain(error: PalimpsestError, data_dir: Path) -> PalimpsestError:
    """An embedded engine whose disk is full says that its shards are not there."""
    if isinstance(error, EngineUnavailable) and shutil.disk_usage(data_dir).free < _LITTLE_ROOM:
        return EngineUnavailable(
            f"the disk that holds {data_dir} is full; free some room and send it again"
        )
    return error
