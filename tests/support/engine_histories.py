"""The engine's histories of a running stack."""

import asyncio
from pathlib import Path

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from palimpsest.devstack import state
from tests.support.supervisor import Up


async def engine(data_dir: Path) -> Client:
    port = state.load(data_dir).ports["temporal.grpc"]
    return await Client.connect(f"127.0.0.1:{port}")


async def forget(up: Up, request_id: str) -> None:
    """Delete a history, as the engine does after its retention; it takes half a minute to go."""
    client = await engine(up.data_dir)
    await client.get_workflow_handle(request_id).result()
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=request_id),
        )
    )


async def until_gone(up: Up, request_id: str, patience: float) -> None:
    handle = (await engine(up.data_dir)).get_workflow_handle(request_id)
    async with asyncio.timeout(patience):
        while True:
            try:
                await handle.fetch_history()
            except RPCError:
                return
            await asyncio.sleep(0.2)
