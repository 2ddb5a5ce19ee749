"""The worker: workflows and their activities, in this process."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio.client import Client
from temporalio.worker import (
    PollerBehaviorAutoscaling,
    PollerBehaviorSimpleMaximum,
    UnsandboxedWorkflowRunner,
    Worker,
)

from palimpsest.learning.scheduler import learning_queue
from palimpsest.temporal.failures import FailureInterceptor
from workflows.learn_segment import LearnSegment
from workflows.proxy_request import ProxyRequest

Activity = Callable[..., Any]

_LEARNING_AT_ONCE = 2
"""Activities and workflow tasks of one learning worker."""
_ACTIVITIES_PER_SEGMENT = 2


def build_worker(
    client: Client,
    task_queue: str,
    activities: Sequence[Activity],
    *,
    concurrency: int,
    graceful: float,
    remote_activities: bool = True,
) -> Worker:
    """A worker of our queue. ``graceful`` seconds are left to running activities at shutdown;
    without ``remote_activities`` it runs workflows and local activities only.

    Pollers scale by themselves. With the SDK's fixed five, workflows whose answers are out wait to
    be ended under load, and each is kept in memory until then (ADR 19).

    The sandbox is off: it costs CPU on each workflow, and what it guards is guarded by a lint
    (workflow files import nothing else) and by the replay of recorded histories.
    """
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[ProxyRequest],
        activities=activities,
        interceptors=[FailureInterceptor()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_cached_workflows=concurrency,
        max_concurrent_workflow_tasks=concurrency,
        max_concurrent_activities=concurrency,
        max_concurrent_local_activities=concurrency,
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        graceful_shutdown_timeout=timedelta(seconds=graceful),
        no_remote_activities=not remote_activities,
        # Activations on the event loop itself; a thread for each costs more than its half
        # millisecond of work, which no file of ours can block (see the sandbox).
        debug_mode=True,
    )


def build_egress_worker(
    client: Client,
    task_queue: str,
    activities: Sequence[Activity],
    *,
    concurrency: int,
    graceful: float,
) -> Worker:
    """A worker of the queue that edges without calls of their own send theirs to."""
    return Worker(
        client,
        task_queue=task_queue,
        activities=activities,
        interceptors=[FailureInterceptor()],
        max_concurrent_activities=concurrency,
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        graceful_shutdown_timeout=timedelta(seconds=graceful),
    )


def build_learning_worker(
    client: Client,
    task_queue: str,
    activities: Sequence[Activity],
    *,
    rate: float,
    graceful: float,
) -> Worker:
    """A worker of the learning queue. All learning workers together begin at most ``rate`` segments
    in a second; ``graceful`` seconds are left to running activities at shutdown."""
    return Worker(
        client,
        task_queue=learning_queue(task_queue),
        workflows=[LearnSegment],
        activities=activities,
        interceptors=[FailureInterceptor()],
        workflow_runner=UnsandboxedWorkflowRunner(),
        max_concurrent_activities=_LEARNING_AT_ONCE,
        max_concurrent_workflow_tasks=_LEARNING_AT_ONCE,
        max_task_queue_activities_per_second=rate * _ACTIVITIES_PER_SEGMENT,
        workflow_task_poller_behavior=PollerBehaviorSimpleMaximum(_LEARNING_AT_ONCE),
        activity_task_poller_behavior=PollerBehaviorSimpleMaximum(_LEARNING_AT_ONCE),
        graceful_shutdown_timeout=timedelta(seconds=graceful),
    )
