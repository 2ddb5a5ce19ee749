"""An engine that lost sight of a forward runs it again: what is on record is told, not redone."""

from pathlib import Path

import httpx
import pytest

from harness.simulator import Simulator
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.runtime.errors import PalimpsestError
from tests.support.forwarding import forward_elsewhere
from tests.support.proxy import Parts, RunningProxy, running_proxy
from workflows.contracts import (
    ForwardUpstreamInput,
    ForwardUpstreamResult,
    QueryIntelligenceResult,
    RewriteContextResult,
)

KNOWN = QueryIntelligenceResult("conv_1", 1, None, None, 0)
PLAN = RewriteContextResult(None, None, 0, fits=True, took_ms=0)
BODY = {"model": "claude-sonnet-4-6", "max_tokens": 50}


async def forward_again(running: RunningProxy, request_id: str) -> ForwardUpstreamResult:
    """As another process would, which does not hold the request."""
    forward = ForwardUpstreamInput(request_id, KNOWN, PLAN)
    return await forward_elsewhere(running.process, ExchangeRegistry(), forward)


async def ask(running: RunningProxy, **fields: object) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(
            f"{running.url}/v1/messages",
            json={**BODY, **fields},
            headers={"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"},
        )
    return answer.headers["x-palimpsest-request-id"]


async def test_an_answer_on_record_is_the_result(
    running: RunningProxy, upstream: Simulator
) -> None:
    request_id = await ask(running, messages=[{"role": "user", "content": "once"}])
    again = await forward_again(running, request_id)
    told = await running.process.stores.requests.read_request(request_id)
    assert (again.outcome, again.status, again.attempts) == ("answered", 200, 1)
    assert (again.output_tokens, again.stop_reason) == (told.output_tokens, "end_turn")
    assert again.input_tokens > 0
    assert len(upstream.log) == 1


async def test_a_refusal_on_record_is_the_result(
    running: RunningProxy, upstream: Simulator
) -> None:
    request_id = await ask(running, messages=[{"role": "assistant", "content": "first"}])
    again = await forward_again(running, request_id)
    assert (again.outcome, again.status) == ("upstream_error", 400)


async def test_a_failure_on_record_is_told_again(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    gone = "http://127.0.0.1:9"
    async with running_proxy(parts, tmp_path, gone, retry_attempts=1) as running:
        request_id = await ask(running, messages=[{"role": "user", "content": "nowhere"}])
        with pytest.raises(PalimpsestError, match="cannot be reached") as caught:
            await forward_again(running, request_id)
    assert not caught.value.retryable
    assert len(upstream.log) == 0
