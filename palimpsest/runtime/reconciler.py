"""Reconciles requests with workflows: each accepted one gets a workflow, or an end and a reason."""

import asyncio

import structlog

from palimpsest.exchanges.model import EndCause, Outcome
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.forwarding.commit import commit_spilled
from palimpsest.runtime.errors import DatabaseUnavailable, EngineUnavailable
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill
from palimpsest.temporal.starter import Starter

EVERY_SECONDS = 5.0
_OLDER_THAN_SECONDS = 10.0

_log = structlog.stdlib.get_logger()


class Reconciler:
    """Brings database and engine into line; run by every process, harmless when several do."""

    def __init__(
        self,
        requests: RequestStore,
        exchanges: ExchangeRegistry,
        starter: Starter,
        spill: Spill,
        heart: Heartbeat,
    ) -> None:
        self._requests = requests
        self._exchanges = exchanges
        self._starter = starter
        self._spill = spill
        self._heart = heart

    async def run(self) -> None:
        """Reconcile for ever."""
        while True:
            try:
                await self.commit_spilled()
                await self.reconcile()
            except (DatabaseUnavailable, EngineUnavailable) as error:
                _log.warning("reconciling waits", reason=str(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def commit_spilled(self) -> None:
        """Commit the ends that are on disk."""
        await commit_spilled(self._spill, self._requests)

    async def reconcile(self) -> None:
        """Start the workflows that are missing; end the requests whose workflow has ended."""
        found = await self._requests.find_stalled(
            _OLDER_THAN_SECONDS,
            besides=self._exchanges.ids(),
            trusts_silence=self._heart.trusts_silence,
        )
        for request_id, model in found:
            if not await self._starter.ensure(request_id, model):
                # Its end may have been put on disk since we looked there.
                await commit_spilled(self._spill, self._requests, request_id)
                reason = EndCause.WORKFLOW_ENDED
                if await self._requests.end_without_answer(request_id, Outcome.FAILED, 503, reason):
                    _log.warning("a request without a workflow was ended", request_id=request_id)
