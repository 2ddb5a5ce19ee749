"""The workflow of one finished segment: keep what was said, then learn from it. Nobody waits."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from workflows.contracts import (
    ARCHIVE_SEGMENT,
    LEARN_FROM_SEGMENT,
    LEARN_SEGMENT,
    WORD_LEARNED,
    ArchiveSegmentResult,
    LearnSegmentInput,
    LearnSegmentResult,
    WordLearnedInput,
    WordLearnedResult,
)

_ATTEMPT = timedelta(minutes=3)
_TOTAL = timedelta(hours=6)
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)
_WORD_RETRY = RetryPolicy(initial_interval=timedelta(seconds=5), maximum_attempts=2)


@workflow.defn(name=LEARN_SEGMENT)
class LearnSegment:
    """An outage of the database is waited for; what fails for hours is tried again by the
    scheduler, since the segment is not marked."""

    @workflow.run
    async def run(self, segment: LearnSegmentInput) -> LearnSegmentResult:
        archived = await workflow.execute_activity(
            ARCHIVE_SEGMENT,
            segment,
            result_type=ArchiveSegmentResult,
            start_to_close_timeout=_ATTEMPT,
            schedule_to_close_timeout=_TOTAL,
            retry_policy=_RETRY,
        )
        learned = await workflow.execute_activity(
            LEARN_FROM_SEGMENT,
            segment,
            result_type=LearnSegmentResult,
            start_to_close_timeout=_ATTEMPT,
            schedule_to_close_timeout=_TOTAL,
            retry_policy=_RETRY,
        )
        if segment.word and learned.borne_out:
            await self._word(WordLearnedInput(segment.request_id, learned.borne_out))
        return replace(learned, parts=archived.parts)

    async def _word(self, given: WordLearnedInput) -> None:
        """Nothing depends on it."""
        with suppress(ActivityError):
            await workflow.execute_activity(
                WORD_LEARNED,
                given,
                result_type=WordLearnedResult,
                start_to_close_timeout=_ATTEMPT,
                retry_policy=_WORD_RETRY,
            )
