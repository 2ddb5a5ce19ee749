"""Starting the workflow of a request, eagerly: its first task runs in this very process."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from palimpsest.runtime.errors import EngineUnavailable
from workflows.contracts import (
    MODEL_ATTRIBUTE,
    PHASE_ATTRIBUTE,
    STATUS_ATTRIBUTE,
    WORKFLOW,
    Deadlines,
    Phase,
    ProxyRequestInput,
    ProxyRequestResult,
)

_MODEL = SearchAttributeKey.for_keyword(MODEL_ATTRIBUTE)
_PHASE = SearchAttributeKey.for_keyword(PHASE_ATTRIBUTE)
_STATUS = SearchAttributeKey.for_keyword(STATUS_ATTRIBUTE)
_LONGEST_KEYWORD = 200
"""Bytes: so much the engine takes of a keyword and of a summary."""

_WRITTEN_LATELY = 1.0
PROBE = "palimpsest-probe"
_TRIES = 6
"""Of a start, where the engine is slow and not away."""
_PROBE_LASTS = timedelta(hours=1)
"""Of a workflow's signals only so many may come, and all are kept until it has ended."""


class Starter:
    """Starts workflows; ``attributes`` says whether the namespace has our search attributes,
    ``egress_queue`` where forwards go if not to the workflow's queue.

    ``timeout`` is in seconds and for a whole call: the client's own is for each of its tries. An
    engine that is slow and not away has it several times.
    """

    def __init__(
        self,
        client: Client,
        task_queue: str,
        deadlines: Deadlines,
        timeout: float,
        *,
        attributes: bool,
        egress_queue: str | None = None,
    ) -> None:
        self._client = client
        self._task_queue = task_queue
        self._deadlines = deadlines
        self._timeout = timeout
        self._attributes = attributes
        self._egress_queue = egress_queue
        self._written_at: float | None = None
        self._taken = 0

    async def start(self, request_id: str, model: str) -> bool:
        """Start the request's workflow; True when eagerly. Raises EngineUnavailable."""
        taken = self._taken
        try:
            eagerly = await self._start(request_id, _shortened(model))
        except EngineUnavailable as error:
            self._written_at = None
            await self._start_again(request_id, model, error, taken)
            eagerly = False
        self._taken += 1
        self._written_at = time.monotonic()
        return eagerly

    async def _start(self, request_id: str, shown: str) -> bool:
        async with self._taking():
            handle = await self._client.start_workflow(
                WORKFLOW,
                self._input(request_id, shown),
                id=request_id,
                task_queue=self._task_queue,
                result_type=ProxyRequestResult,
                request_eager_start=True,
                task_timeout=timedelta(seconds=2),
                search_attributes=self._shown(shown),
                static_summary=f"{shown} request",
            )
        return bool(getattr(handle, "__temporal_eagerly_started", False))

    async def _start_again(
        self, request_id: str, model: str, error: EngineUnavailable, taken: int
    ) -> None:
        """A start whose answer is late may have been taken, or may be taken yet: with many at once
        an engine can be slower than one call waits. It is away when it took no other one
        since there were ``taken`` ones. Raises the last error."""
        for _ in range(1, _TRIES):
            late = isinstance(error.__cause__, TimeoutError)
            if not late or self._taken == taken:
                break
            taken = self._taken
            try:
                await self.ensure(request_id, model)
            except EngineUnavailable as again:
                error = again
            else:
                return
        raise error

    async def ensure(self, request_id: str, model: str) -> bool:
        """Start the request's workflow unless it runs; False when it has already ended."""
        shown = _shortened(model)
        try:
            async with self._taking():
                await self._client.start_workflow(
                    WORKFLOW,
                    self._input(request_id, shown),
                    id=request_id,
                    task_queue=self._task_queue,
                    id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    task_timeout=timedelta(seconds=2),
                    search_attributes=self._shown(shown),
                )
        except WorkflowAlreadyStartedError:
            return False
        return True

    @asynccontextmanager
    async def _taking(self) -> AsyncGenerator[None]:
        """One call, in its time. Raises EngineUnavailable."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except (RPCError, TimeoutError) as error:
            raise EngineUnavailable(
                f"Temporal did not take the request: {_reason(error)}"
            ) from error

    async def has_ended(self, request_id: str) -> bool:
        """Whether the request's workflow is over; False when it was not started yet, which may be
        under way at this moment, and when the engine cannot be asked."""
        try:
            async with asyncio.timeout(self._timeout):
                found = await self._client.get_workflow_handle(request_id).describe()
        except (RPCError, TimeoutError):
            return False
        return found.status != WorkflowExecutionStatus.RUNNING

    async def ping(self) -> None:
        """Raises EngineUnavailable unless the engine answers a query and has just written."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._client.count_workflows(
                    f"WorkflowType = '{WORKFLOW}' AND ExecutionStatus = 'Running'"
                )
                if not self._has_just_written():
                    await self._write()
        except (RPCError, TimeoutError) as error:
            self._written_at = None
            raise EngineUnavailable(f"Temporal: {_reason(error)}") from error

    def _has_just_written(self) -> bool:
        written = self._written_at
        return written is not None and time.monotonic() - written < _WRITTEN_LATELY

    async def _write(self) -> None:
        """A signal to a workflow that nobody runs. With a full disk the engine still answers
        queries, and for some time after there is room again it cannot write."""
        await self._client.start_workflow(
            PROBE,
            id=f"{PROBE}-{self._client.identity}",
            task_queue=f"{self._task_queue}-probe",
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            start_signal="write",
            run_timeout=_PROBE_LASTS,
        )
        self._written_at = time.monotonic()

    def _input(self, request_id: str, model: str) -> ProxyRequestInput:
        return ProxyRequestInput(
            request_id, model, self._attributes, self._deadlines, self._egress_queue
        )

    def _shown(self, model: str) -> TypedSearchAttributes:
        if not self._attributes:
            return TypedSearchAttributes.empty
        return TypedSearchAttributes(
            [
                SearchAttributePair(_MODEL, model),
                SearchAttributePair(_PHASE, Phase.CONTEXT),
                SearchAttributePair(_STATUS, "running"),
            ]
        )


def _shortened(model: str) -> str:
    return model.encode()[: _LONGEST_KEYWORD - len(" request")].decode(errors="ignore")


def _reason(error: RPCError | TimeoutError) -> str:
    return error.message if isinstance(error, RPCError) else "no answer in time"
