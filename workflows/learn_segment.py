"""The workflow of one finished segment: keep what was said, then learn from it. Nobody waits."""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

from workflows.learning_contracts import (
    ARCHIVE_SEGMENT,
    LEARN_FROM_SEGMENT,
    LEARN_SEGMENT,
    ArchiveSegmentResult,
    LearnSegmentInput,
    LearnSegmentResult,
)

_ATTEMPT = timedelta(minutes=3)
_TOTAL = timedelta(hours=6)
_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=5),
)


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
        return replace(learned, parts=archived.parts)
