"""The bare workflow: the shape of ProxyRequest and nothing else."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy

ONCE = RetryPolicy(maximum_attempts=1)


@dataclass(frozen=True)
class Reference:
    """Names a request that waits in this process; bodies never go through the engine."""

    request_id: str


@workflow.defn(name="Floor")
class Floor:
    @workflow.run
    async def run(self, reference: Reference) -> Reference:
        for name in ("floor_query", "floor_rewrite"):
            await workflow.execute_local_activity(
                name,
                reference,
                result_type=Reference,
                schedule_to_close_timeout=timedelta(seconds=10),
                retry_policy=ONCE,
            )
        return await workflow.execute_activity(
            "floor_forward",
            reference,
            result_type=Reference,
            start_to_close_timeout=timedelta(seconds=60),
            heartbeat_timeout=timedelta(seconds=30),
            retry_policy=ONCE,
        )
