"""What the namespace needs is there before the first request, as far as the cluster allows."""

import asyncio
import uuid

import pytest
from structlog.testing import capture_logs
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from palimpsest.runtime.errors import EngineUnavailable
from palimpsest.runtime.settings import Settings
from palimpsest.temporal.bootstrap import ATTRIBUTES, bootstrap
from palimpsest.temporal.client import connect
from tests.support.proxy import Parts
from tests.support.refusing_engine import refusing
from tests.support.requests import eventually


async def retention_of(client: Client) -> int:
    found = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )
    return found.config.workflow_execution_retention_ttl.ToTimedelta().days


async def own_namespace(parts: Parts) -> Client:
    """A client of a namespace that is not made yet."""
    name = f"ns-{uuid.uuid4().hex[:8]}"
    return await Client.connect(parts.temporal_address, namespace=name)


async def test_the_namespace_is_made_with_its_retention(parts: Parts) -> None:
    client = await own_namespace(parts)
    assert await bootstrap(client, 7)
    assert await retention_of(client) == 7


async def test_again_and_at_the_same_time(parts: Parts) -> None:
    client = await own_namespace(parts)
    await bootstrap(client, 7)

    async def refreshed() -> int:
        await bootstrap(client, 9)
        return await retention_of(client)

    assert await eventually(refreshed, lambda days: days == 9)
    assert await asyncio.gather(*(bootstrap(client, 7) for _ in range(5))) == [True] * 5
    names = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    assert set(ATTRIBUTES) <= set(names.custom_attributes)


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNIMPLEMENTED", "UNAUTHENTICATED"])
@pytest.mark.parametrize("method", ["ListSearchAttributes", "AddSearchAttributes"])
async def test_attributes_that_are_not_allowed_are_done_without(method: str, code: str) -> None:
    async with refusing({method: code}) as address:
        client = await Client.connect(address)
        with capture_logs() as logs:
            assert await bootstrap(client, 7) is False
    warnings = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["event"] for entry in warnings] == ["going on without search attributes"]
    assert "is not for you" in warnings[0]["reason"]


@pytest.mark.parametrize("method", ["DescribeNamespace", "UpdateNamespace"])
async def test_a_retention_that_may_not_be_set_is_said(method: str) -> None:
    async with refusing({method: "PERMISSION_DENIED"}) as address:
        client = await Client.connect(address)
        with capture_logs() as logs:
            assert await bootstrap(client, 7) is True
    assert [entry["event"] for entry in logs] == ["the namespace's retention stays as it is"]


async def test_a_namespace_that_may_not_be_made_ends_the_start() -> None:
    refused = {"DescribeNamespace": "NOT_FOUND", "RegisterNamespace": "PERMISSION_DENIED"}
    async with refusing(refused) as address:
        client = await Client.connect(address)
        with pytest.raises(EngineUnavailable, match="may not be created"):
            await bootstrap(client, 7)


@pytest.mark.parametrize("method", ["DescribeNamespace", "ListSearchAttributes"])
async def test_a_cluster_that_breaks_is_unavailable(method: str) -> None:
    async with refusing({method: "INTERNAL"}) as address:
        client = await Client.connect(address)
        with pytest.raises(EngineUnavailable, match="is not for you"):
            await bootstrap(client, 7)


async def test_nobody_there_is_one_line() -> None:
    settings = Settings(engine_timeout=0.5)  # pyright: ignore[reportCallIssue]
    with pytest.raises(EngineUnavailable, match=r"Temporal at 127\.0\.0\.1:9 does not answer"):
        await connect(settings, "127.0.0.1:9")
