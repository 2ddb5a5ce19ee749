"""Completion of a job's workflows: an answer is out before its workflow has ended.

A worker that hands answers out faster than it ends their workflows piles these up. Its rate is
that of the workflows.
"""

import asyncio
from datetime import UTC, datetime

import msgspec
from temporalio.client import Client

from harness.bench.job import DRAIN_LIMIT, Outcome

_BETWEEN_SECONDS = 0.05


async def wait_for_completion(client: Client, workflow_type: str, outcome: Outcome) -> Outcome:
    """Wait until as many workflows have ended as answers came, and count by their ends.

    Those that take longer than ``DRAIN_LIMIT`` are a failure.
    """
    ours = f"WorkflowType = '{workflow_type}' AND StartTime >= '{_at(outcome.began)}'"
    ended = f"{ours} AND ExecutionStatus != 'Running'"
    try:
        async with asyncio.timeout(DRAIN_LIMIT):
            while True:
                if (await client.count_workflows(ended)).count >= outcome.requests:
                    break
                await asyncio.sleep(_BETWEEN_SECONDS)
    except TimeoutError:
        late = f"not all workflows ended {DRAIN_LIMIT:.0f} s after their answers"
        return msgspec.structs.replace(outcome, failures=[*outcome.failures, late])
    since = f"{ended} AND CloseTime >= '{_at(outcome.opened)}'"
    finished = (await client.count_workflows(since)).count
    # The newest end comes first.
    async for last in client.list_workflows(since, limit=1):
        assert last.close_time
        took = last.close_time.timestamp() - outcome.opened
        return msgspec.structs.replace(outcome, finished=finished, took=took)
    return outcome


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
