"""What is sent is what the plan says, whatever this process holds."""

import pytest

from harness.simulator import Simulator
from palimpsest.conversations.lineage import chain, root
from palimpsest.conversations.rendered import Rendered
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import Outcome
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.runtime.errors import PalimpsestError
from tests.support.forwarding import forward_elsewhere
from tests.support.proxy import RunningProxy
from tests.support.requests import HEADERS, body_of
from tests.support.stored_epochs import epoch
from tests.support.stored_requests import TENANT, accept
from workflows.contracts import ForwardUpstreamInput, QueryIntelligenceResult, RewriteContextResult

# A history of its own: the tests share a ledger.
ONE = {"role": "user", "content": "one, to be rendered"}
BODY = body_of(ONE, {"role": "assistant", "content": "said"}, {"role": "user", "content": "two"})
RAW_HEADERS = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())


async def forwarded(
    running: RunningProxy, upstream: Simulator, planned: str | None, held: Rendered | None
) -> bytes:
    """The body that is sent under a plan, by a process that holds a rendering, or none."""
    process = running.process
    request_id = await accept(process.stores.requests, BODY)
    exchanges = ExchangeRegistry()
    exchange = Exchange(request_id, parse(BODY), b"/v1/messages", RAW_HEADERS)
    exchange.rewrite(held)
    exchanges.add(exchange)
    known = QueryIntelligenceResult("conv_1", 1, None, None, 0)
    plan = RewriteContextResult(None, None, 0, fits=True, took_ms=0, epoch=planned)
    try:
        await forward_elsewhere(process, exchanges, ForwardUpstreamInput(request_id, known, plan))
    finally:
        # Else every later proxy on this database would try to carry it on.
        await process.stores.requests.end_without_answer(
            request_id, Outcome.FAILED, 503, "the test is over"
        )
    return upstream.log.messages[-1].body


async def test_the_plan_goes_before_what_is_held(
    running: RunningProxy, upstream: Simulator
) -> None:
    name = chain(root(TENANT), parse(BODY).messages, DIALECT)[-1]
    await running.process.stores.epochs.record(epoch(name, 3, cut=1), "on", "conv_1", "req")
    by_plan = body_of(ONE, {"role": "user", "content": "two"})
    other = Rendered("00" * 32, body_of(ONE))
    assert await forwarded(running, upstream, None, None) == BODY
    assert await forwarded(running, upstream, None, other) == BODY
    assert await forwarded(running, upstream, name.hex(), None) == by_plan
    assert await forwarded(running, upstream, name.hex(), other) == by_plan


async def test_the_original_is_not_sent_for_a_plan_that_was_lost(
    running: RunningProxy, upstream: Simulator
) -> None:
    with pytest.raises(PalimpsestError, match="not in the ledger") as caught:
        await forwarded(running, upstream, "11" * 32, None)
    assert not caught.value.retryable
    assert len(upstream.log) == 0
