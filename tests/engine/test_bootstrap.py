"""The namespace is made ready before the first request, whatever it was like."""

from datetime import timedelta

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from engine.bootstrap import ATTRIBUTES, bootstrap
from tests.running import Parts


async def retention_of(client: Client) -> timedelta:
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    return found.config.workflow_execution_retention_ttl.ToTimedelta()


async def test_a_namespace_that_is_new_gets_all_it_needs_at_once(parts: Parts) -> None:
    client = await Client.connect(parts.temporal_address, namespace="brand-new")
    assert await bootstrap(client, 3)
    assert await retention_of(client) == timedelta(days=3)
    query = " AND ".join(f"{name} = 'nothing'" for name in ATTRIBUTES)
    assert (await client.count_workflows(query)).count == 0


async def test_a_second_start_changes_only_the_retention(parts: Parts) -> None:
    client = await Client.connect(parts.temporal_address, namespace="known")
    assert await bootstrap(client, 3)
    assert await bootstrap(client, 5)
    assert await retention_of(client) == timedelta(days=5)
