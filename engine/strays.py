"""Requests that nobody carries: each accepted one gets a workflow, or an end with a reason."""

import asyncio

import structlog

from engine.starter import Starter
from errors import DatabaseUnavailable, EngineUnavailable
from providers.exchange import Exchanges
from store.requests import RequestStore
from store.spill import Spill

EVERY_SECONDS = 5.0
_OLDER_THAN_SECONDS = 10.0

_log = structlog.stdlib.get_logger()


class Strays:
    """The recovery loop; run by every process, harmless when several do."""

    def __init__(
        self, requests: RequestStore, exchanges: Exchanges, starter: Starter, spill: Spill
    ) -> None:
        self._requests = requests
        self._exchanges = exchanges
        self._starter = starter
        self._spill = spill

    async def run(self) -> None:
        """Look for ever."""
        while True:
            try:
                await self.commit_spilled()
                await self.gather()
            except (DatabaseUnavailable, EngineUnavailable) as error:
                _log.warning("strays wait", reason=str(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def commit_spilled(self) -> None:
        """Commit the ends that are on disk."""
        for end in await asyncio.to_thread(self._spill.kept):
            if not await self._requests.settle(end):
                _log.warning("a spilled end came too late", request_id=end.request_id)
            await asyncio.to_thread(self._spill.forget, end.request_id)

    async def gather(self) -> None:
        """Start the workflows that are missing; end the requests whose workflow has ended."""
        for request_id, model in await self._requests.strays(_OLDER_THAN_SECONDS):
            if self._exchanges.get(request_id) is None and not await self._starter.ensure(
                request_id, model
            ):
                reason = "its workflow ended without an answer"
                await self._requests.fail(request_id, "failed", 503, reason)
                _log.warning("a stray was ended", request_id=request_id)
