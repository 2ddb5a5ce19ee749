"""Whether a Temporal server answers: ready means that a query succeeded."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import (
    CountWorkflowExecutionsRequest,
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from palimpsest.devstack.process import Child
from palimpsest.runtime.errors import StartupFailed

START_TIMEOUT = 60.0
RPC_TIMEOUT = timedelta(seconds=2)


async def until_ready(
    address: str,
    namespace: str,
    child: Callable[[], Child],
    *,
    register: timedelta | None = None,
) -> None:
    """Wait until the namespace is known and visibility answers.

    ``register``: make a missing namespace, with this retention.

    Raises StartupFailed when the server ends, or is not ready in time.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + START_TIMEOUT
    while not await answers(address, namespace, register=register):
        if child().status is not None:
            raise StartupFailed(f"Temporal ended: {child().last_words()}")
        if loop.time() > deadline:
            raise StartupFailed(f"Temporal is not ready after {START_TIMEOUT:.0f} s")
        await asyncio.sleep(0.05)


async def answers(address: str, namespace: str, *, register: timedelta | None = None) -> bool:
    """Whether a query of the namespace and one of its visibility store succeed now."""
    try:
        client = await Client.connect(address, namespace=namespace)
        await _describe(client, namespace, register)
        count = CountWorkflowExecutionsRequest(namespace=namespace)
        await client.workflow_service.count_workflow_executions(count, timeout=RPC_TIMEOUT)
    except (RPCError, RuntimeError):
        return False
    return True


async def _describe(client: Client, namespace: str, register: timedelta | None) -> None:
    describe = DescribeNamespaceRequest(namespace=namespace)
    try:
        await client.workflow_service.describe_namespace(describe, timeout=RPC_TIMEOUT)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND or register is None:
            raise
        retention = Duration()
        retention.FromTimedelta(register)
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=namespace, workflow_execution_retention_period=retention
            ),
            timeout=timedelta(seconds=10),
        )
