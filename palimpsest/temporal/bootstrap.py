"""What the namespace needs before the first request: itself, its retention, search attributes.

Each step is idempotent; where the cluster does not allow one, we go on without it and say so.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    RegisterNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from palimpsest.runtime.errors import EngineUnavailable
from workflows.contracts import (
    CONVERSATION_ATTRIBUTE,
    MODEL_ATTRIBUTE,
    PHASE_ATTRIBUTE,
    STATUS_ATTRIBUTE,
)

ATTRIBUTES = (CONVERSATION_ATTRIBUTE, MODEL_ATTRIBUTE, PHASE_ATTRIBUTE, STATUS_ATTRIBUTE)

_REFUSALS = frozenset(
    (
        RPCStatusCode.PERMISSION_DENIED,
        RPCStatusCode.UNAUTHENTICATED,
        RPCStatusCode.UNIMPLEMENTED,
        RPCStatusCode.RESOURCE_EXHAUSTED,
        RPCStatusCode.FAILED_PRECONDITION,
    )
)
_NOT_YET = frozenset((RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT))
_PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.2

_log = structlog.stdlib.get_logger()


async def bootstrap(client: Client, retention_days: int) -> bool:
    """Prepare the namespace; True when search attributes may be written."""
    await _ensure_namespace(client, retention_days)
    return await _ensure_attributes(client)


async def _ensure_namespace(client: Client, retention_days: int) -> None:
    """Create the namespace or set its retention (`history_retention_days`)."""
    service = client.workflow_service
    retention = Duration()
    retention.FromTimedelta(timedelta(days=retention_days))
    try:
        found = await service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
        if found.config.workflow_execution_retention_ttl != retention:
            await service.update_namespace(
                UpdateNamespaceRequest(
                    namespace=client.namespace,
                    config=NamespaceConfig(workflow_execution_retention_ttl=retention),
                )
            )
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            await _register(client, retention)
        elif error.status in _REFUSALS:
            _log.warning("the namespace's retention stays as it is", reason=error.message)
        else:
            raise EngineUnavailable(f"Temporal: {error.message}") from error


async def _register(client: Client, retention: Duration) -> None:
    try:
        await client.workflow_service.register_namespace(
            RegisterNamespaceRequest(
                namespace=client.namespace, workflow_execution_retention_period=retention
            )
        )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise EngineUnavailable(
                f"namespace {client.namespace} does not exist and may not be created: "
                f"{error.message}"
            ) from error


async def _ensure_attributes(client: Client) -> bool:
    """Register our search attributes where they are missing, and wait until they can be used."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _until_found(lambda: _add_missing(client))
            await _until_found(lambda: _use(client))
    except RPCError as error:
        if error.status not in _REFUSALS:
            raise EngineUnavailable(f"Temporal: {error.message}") from error
        _log.warning("going on without search attributes", reason=error.message)
        return False
    except TimeoutError:
        _log.warning("going on without search attributes", reason="they did not become usable")
        return False
    return True


async def _until_found(attempt: Callable[[], Awaitable[None]]) -> None:
    """A namespace or an attribute that is new reaches the servers' caches after a moment."""
    while True:
        try:
            return await attempt()
        except RPCError as error:
            if error.status not in _NOT_YET:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)


async def _add_missing(client: Client) -> None:
    operator = client.operator_service
    known = await operator.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = [name for name in ATTRIBUTES if name not in known.custom_attributes]
    if not missing:
        return
    try:
        await operator.add_search_attributes(
            AddSearchAttributesRequest(
                namespace=client.namespace,
                search_attributes=dict.fromkeys(
                    missing, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
                ),
            )
        )
    except RPCError as error:
        # Another process was first.
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise


async def _use(client: Client) -> None:
    """Ask by every attribute; the engine refuses one that it does not know."""
    await client.count_workflows(" AND ".join(f"{name} = 'none'" for name in ATTRIBUTES))
