"""What the namespace needs is there before the first request, as far as the cluster allows."""

import asyncio
import uuid
from typing import Any

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from engine.bootstrap import ATTRIBUTES, bootstrap
from errors import EngineUnavailable
from tests.asking import eventually
from tests.running import Parts


async def retention_of(client: Client) -> int:
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    return found.config.workflow_execution_retention_ttl.ToTimedelta().days


async def test_the_namespace_is_made_with_its_retention(parts: Parts) -> None:
    name = f"ns-{uuid.uuid4().hex[:8]}"
    client = await Client.connect(parts.temporal_address, namespace=name)
    await bootstrap(client, 7)
    assert await retention_of(client) == 7

    async def ready() -> bool:
        try:
            return await bootstrap(client, 3)
        except EngineUnavailable:
            return False

    assert await eventually(ready, bool)
    assert await retention_of(client) == 3
    assert await asyncio.gather(*(bootstrap(client, 3) for _ in range(4))) == [True] * 4
    names = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=name)
    )
    assert set(ATTRIBUTES) <= set(names.custom_attributes)


@asynccontextmanager
async def refusing(methods: dict[str, grpc.StatusCode]) -> AsyncGenerator[str]:
    """A cluster that lets us connect and refuses these methods; the rest is not implemented."""

    def handler(call: grpc.HandlerCallDetails) -> Any:
        name = str(call.method).rpartition("/")[2]  # pyright: ignore[reportAttributeAccessIssue]

        async def refuse(_: bytes, context: Any) -> bytes:
            if name == "GetSystemInfo":
                return b""
            await context.abort(methods.get(name, grpc.StatusCode.UNIMPLEMENTED), "not you")
            return b""

        return grpc.unary_unary_rpc_method_handler(refuse)
