"""Starts a workflow on the learning queue for each segment that is due."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from palimpsest.learning.model import Segment
from palimpsest.runtime.errors import DatabaseUnavailable, EngineUnavailable
from palimpsest.store.postgres.segments import SegmentStore
from workflows.contracts import LEARN_SEGMENT, LearnSegmentInput

EVERY_SECONDS = 2.0
_RESTS_EVERY = timedelta(seconds=15)
_HORIZON = timedelta(days=30)
_START_SECONDS = 5.0
_LONGEST = timedelta(hours=13)
"""Longer than the activities take together: past it the queue has no worker any more, and another
may start the segment."""

_log = structlog.stdlib.get_logger()


def learning_queue(task_queue: str) -> str:
    return f"{task_queue}-learning"


@dataclass
class _Rests:
    """``seen``: conversations that came to rest before were scheduled; ``next``: when to look
    again."""

    seen: datetime
    next: datetime


class LearningScheduler:
    """Starts a workflow for each segment that is due; every process runs it, and several at once do
    no harm. ``idle``: seconds until a conversation is at rest; ``word``: a distiller is set."""

    def __init__(
        self,
        client: Client,
        task_queue: str,
        segments: SegmentStore,
        idle: float,
        *,
        word: bool = False,
    ) -> None:
        self._client = client
        self._queue = learning_queue(task_queue)
        self._segments = segments
        self._idle = idle
        self._word = word
        now = datetime.now(UTC)
        self._rests = _Rests(now - _HORIZON, now)

    async def run(self) -> None:
        """Starts what is due for ever, every two seconds."""
        while True:
            try:
                await self.start_due()
            except (DatabaseUnavailable, EngineUnavailable) as error:
                _log.warning("learning waits", reason=str(error))
            await asyncio.sleep(EVERY_SECONDS)

    async def start_due(self) -> int:
        """Starts what is due now and returns the number of workflows. What epochs cut comes
        first."""
        due = await self._segments.find_cut()
        now = datetime.now(UTC)
        if now >= self._rests.next:
            due += await self._segments.find_left()
            rested = await self._segments.find_rested(self._idle, self._rests.seen)
            due += rested
            if not rested:
                self._rests.seen = now - timedelta(seconds=self._idle) - 2 * _RESTS_EVERY
            self._rests.next = now + min(_RESTS_EVERY, timedelta(seconds=self._idle))
        return sum([await self._start(segment) for segment in due])

    async def _start(self, segment: Segment) -> bool:
        """False where its workflow runs already, or has ended well."""
        name = segment.chain.hex()
        try:
            async with asyncio.timeout(_START_SECONDS):
                await self._client.start_workflow(
                    LEARN_SEGMENT,
                    LearnSegmentInput(
                        segment.request_id,
                        segment.conversation_id,
                        name,
                        segment.depth,
                        self._word,
                    ),
                    id=f"learn-{name}",
                    task_queue=self._queue,
                    execution_timeout=_LONGEST,
                    id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
                    id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                )
        except WorkflowAlreadyStartedError:
            return False
        except (RPCError, TimeoutError) as error:
            raise EngineUnavailable(f"Temporal did not take a segment: {error}") from error
        return True
