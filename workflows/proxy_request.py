"""The workflow of one proxied request: what do we know, what will the model see, ask it."""

from dataclasses import replace
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, FailureError
from temporalio.exceptions import TimeoutError as EngineTimeout

from workflows.contracts import (
    CLOSE_REQUEST,
    CONVERSATION_ATTRIBUTE,
    FORWARD_UPSTREAM,
    PHASE_ATTRIBUTE,
    QUERY_INTELLIGENCE,
    REWRITE_CONTEXT,
    STATUS_ATTRIBUTE,
    SUMMARISE_CUT,
    WORKFLOW,
    CloseRequestInput,
    ForwardUpstreamInput,
    ForwardUpstreamResult,
    Outcome,
    Phase,
    ProxyRequestInput,
    ProxyRequestResult,
    QueryIntelligenceInput,
    QueryIntelligenceResult,
    RewriteContextInput,
    RewriteContextResult,
    SummariseCutResult,
)

_CONVERSATION = SearchAttributeKey.for_keyword(CONVERSATION_ATTRIBUTE)
_PHASE = SearchAttributeKey.for_keyword(PHASE_ATTRIBUTE)
_STATUS = SearchAttributeKey.for_keyword(STATUS_ATTRIBUTE)

# A local activity that fails is retried within its deadline; the engine's default never stops.
_LOCAL_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=100), backoff_coefficient=2, maximum_attempts=3
)
# The one retry policy of calls upstream. The activity says when it is over (attempts, total time)
# and, by next_retry_delay, when the next attempt is due; this interval serves crashed attempts.
_FORWARD_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=250),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=10),
)
# A summary is worth a second try, and no long wait.
_SUMMARY_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_attempts=2)


@workflow.defn(name=WORKFLOW)
class ProxyRequest:
    """Runs the three phases; ends completed when the client got an answer, else failed."""

    @workflow.run
    async def run(self, request: ProxyRequestInput) -> ProxyRequestResult:
        try:
            return await self._carry_out(request)
        except FailureError as error:
            await self._close(request, error)
            raise

    async def _carry_out(self, request: ProxyRequestInput) -> ProxyRequestResult:
        known = await self._query(request)
        plan = await self._plan(request, known)
        conversation = known.conversation_id or "unknown"
        _show(request, _CONVERSATION.value_set(conversation), _PHASE.value_set(Phase.FORWARD))
        forwarded = await workflow.execute_activity(
            FORWARD_UPSTREAM,
            ForwardUpstreamInput(request.request_id, known, plan),
            task_queue=request.egress_queue,
            result_type=ForwardUpstreamResult,
            start_to_close_timeout=timedelta(seconds=request.deadlines.forward),
            heartbeat_timeout=timedelta(seconds=request.deadlines.heartbeat),
            retry_policy=_FORWARD_RETRY,
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        _show(request, _PHASE.value_set(Phase.ENDED), _STATUS.value_set(forwarded.outcome))
        return ProxyRequestResult(
            outcome=forwarded.outcome,
            status=forwarded.status,
            attempts=forwarded.attempts,
            conversation_id=known.conversation_id,
            degraded=tuple(reason for reason in (known.degraded, plan.degraded) if reason),
        )

    async def _query(self, request: ProxyRequestInput) -> QueryIntelligenceResult:
        deadline = timedelta(seconds=request.deadlines.query)
        try:
            return await workflow.execute_local_activity(
                QUERY_INTELLIGENCE,
                QueryIntelligenceInput(request.request_id),
                result_type=QueryIntelligenceResult,
                schedule_to_close_timeout=deadline,
                retry_policy=_LOCAL_RETRY,
            )
        except FailureError as error:
            if isinstance(_cause(error), CancelledError):
                raise
            took_ms = request.deadlines.query * 1000
            return QueryIntelligenceResult(None, 0, None, None, took_ms, _why("query", error))

    async def _plan(
        self, request: ProxyRequestInput, known: QueryIntelligenceResult
    ) -> RewriteContextResult:
        """What is sent; where a new epoch is to have a summary, that is made first."""
        rewrite = RewriteContextInput(
            request.request_id,
            known.token_ratio,
            request.deadlines.plan,
            known=None if known.degraded else known,
        )
        plan = await self._rewrite(request, replace(rewrite, may_summarise=True))
        if not plan.summarise:
            return plan
        await self._summarise(request, rewrite)
        return await self._rewrite(request, rewrite)

    async def _summarise(self, request: ProxyRequestInput, rewrite: RewriteContextInput) -> None:
        """Without one the epoch is recorded all the same."""
        deadline = timedelta(seconds=request.deadlines.summarise)
        try:
            await workflow.execute_activity(
                SUMMARISE_CUT,
                rewrite,
                task_queue=request.egress_queue,
                result_type=SummariseCutResult,
                schedule_to_close_timeout=deadline,
                heartbeat_timeout=timedelta(seconds=request.deadlines.heartbeat),
                retry_policy=_SUMMARY_RETRY,
            )
        except FailureError as error:
            if isinstance(_cause(error), CancelledError):
                raise

    async def _rewrite(
        self, request: ProxyRequestInput, rewrite: RewriteContextInput
    ) -> RewriteContextResult:
        return await workflow.execute_local_activity(
            REWRITE_CONTEXT,
            rewrite,
            result_type=RewriteContextResult,
            schedule_to_close_timeout=timedelta(seconds=request.deadlines.rewrite),
            retry_policy=_LOCAL_RETRY,
        )

    async def _close(self, request: ProxyRequestInput, error: FailureError) -> None:
        """Record a request that got no answer and tell its client; runs even when cancelled."""
        status, kind, reason = _failure(error)
        outcome = Outcome.CANCELLED if kind == Outcome.CANCELLED else Outcome.FAILED
        _show(request, _PHASE.value_set(Phase.ENDED), _STATUS.value_set(outcome))
        await workflow.execute_local_activity(
            CLOSE_REQUEST,
            CloseRequestInput(request.request_id, status, kind, reason),
            schedule_to_close_timeout=timedelta(seconds=request.deadlines.close),
            retry_policy=RetryPolicy(maximum_interval=timedelta(seconds=2)),
        )


def _show(request: ProxyRequestInput, *updates: SearchAttributeUpdate[str]) -> None:
    """Search attributes, where the namespace allows them."""
    if request.attributes:
        workflow.upsert_search_attributes(updates)  # pyright: ignore[reportUnknownMemberType]


def _cause(error: FailureError) -> BaseException | None:
    """What failed: an activity's failure is wrapped, a local activity's own is not."""
    return error.cause if isinstance(error, ActivityError) else error


def _why(phase: str, error: FailureError) -> str:
    late = isinstance(_cause(error), EngineTimeout)
    return f"{phase}: {'deadline passed' if late else 'failed'}"


def _failure(error: FailureError) -> tuple[int, str, str]:
    """HTTP status, the API's error type and a reason; activities put the first two in details."""
    cause = _cause(error)
    if isinstance(cause, ApplicationError) and len(cause.details) == 2:
        status, kind = cause.details
        return int(status), str(kind), cause.message
    if isinstance(cause, CancelledError):
        return 503, Outcome.CANCELLED, "the request was cancelled by an operator"
    if isinstance(cause, EngineTimeout):
        return 503, "overloaded_error", "the request ran out of time inside the proxy"
    return 503, "api_error", "the proxy could not carry out the request"
