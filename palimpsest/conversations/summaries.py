"""The summary of what a new epoch cuts, where there is one."""

import asyncio
from dataclasses import replace

from palimpsest.context.history import History
from palimpsest.context.model import Epoch
from palimpsest.context.rewriting import Conditions, RewriteOutcome, replay
from palimpsest.context.summary import room, with_summary
from palimpsest.conversations.model import CutSummary
from palimpsest.dialects.model import RequestView
from palimpsest.store.postgres.summaries import SummaryStore


class EpochSummaries:
    """Puts recorded summaries into the epochs that they are for."""

    def __init__(self, store: SummaryStore) -> None:
        self._store = store

    async def add_summary(
        self, view: RequestView, planned: RewriteOutcome, now: Conditions
    ) -> RewriteOutcome | None:
        """The outcome with its epoch's summary; None while there is none, unless none is worth
        waiting for."""
        epoch = planned.epoch
        if epoch is None or not await asyncio.to_thread(room, view.dialect, epoch):
            return planned
        summary = await self._store.get(epoch.chain)
        if summary is None:
            return None
        return await asyncio.to_thread(_with, view, epoch, summary, now)


def _with(view: RequestView, epoch: Epoch, summary: CutSummary, now: Conditions) -> RewriteOutcome:
    history = History(view, now.info.image_tokens)
    summarised = with_summary(epoch, history, summary.text, summary.model, now.ratio)
    return replace(replay(view, summarised, now.ratio), is_new=True)
