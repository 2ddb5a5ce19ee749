"""Processes die and databases hang around a rewrite; what was decided is what is sent."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from harness.simulator import Fault, Simulator
from palimpsest.context.model import ContextMode
from palimpsest.context.options import ContextOptions
from palimpsest.context.planner import Policy
from palimpsest.context.steps import by_recency
from palimpsest.context.tool_exchanges import ToolExchange
from palimpsest.conversations.rewriter import ContextRewriter, ContextRules
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.gateway.caller import caller_of, credential_of
from palimpsest.runtime.metrics import Metrics
from tests.support.agent import SETTINGS, Agent, post
from tests.support.lineages import traced
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.request_life import name
from tests.support.requests import (
    ID,
    client_of,
    ended,
    eventually,
    is_error,
    newest,
)
from tests.support.serve import served
from tests.support.table_lock import locked, renamed, waiting
from workflows.contracts import QueryIntelligenceResult, RewriteContextInput

OF_REQUEST = text("SELECT data FROM epochs WHERE request_id = :id")

KEY = ((b"x-api-key", b"sk-ant-test"),)


async def over_the_cap(running: RunningProxy, upstream: Simulator) -> Agent:
    """An agent whose next request needs an epoch."""
    agent = Agent(upstream)
    await agent.until_bytes(running.url, 45_000, context="off")
    return agent


async def test_a_process_dies_between_the_decision_and_the_call(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """The next one sends what was decided, from the ledger."""
    settings = {**SETTINGS, "task_queue": name()}
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as running:
        agent = await over_the_cap(running, upstream)
        before = len(upstream.log.messages)
        async with served(parts, tmp_path / "two", upstream.url, **settings) as victim:
            async with locked(parts, "attempts"):
                asking = asyncio.create_task(post(victim.url, agent.body(), agent.headers))
                await eventually(lambda: waiting(parts, "attempts"), bool)
                await victim.kill()
                killed = await newest(running)
                [recorded] = await running.process.stores.database.run(OF_REQUEST, {"id": killed})
            await asyncio.gather(asking, return_exceptions=True)
        assert len(upstream.log.messages) == before
    async with running_proxy(parts, tmp_path / "two", upstream.url, **settings) as running:
        state = await ended(running, killed)
        assert await running.process.stores.database.run(OF_REQUEST, {"id": killed}) == [recorded]
    assert state["outcome"] == "answered"
    assert state["context"]["epoch"]
    [call] = upstream.log.messages[before:]
    assert len(call.body) < len(agent.body()) / 2
    assert b"palimpsest" in call.body
    assert call.facts["dropped"] == []


async def test_a_call_that_was_cut_is_made_again_with_the_same_bytes(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """By a process that holds neither the request nor its rendering."""
    settings = {**SETTINGS, "task_queue": name()}
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as running:
        agent = await over_the_cap(running, upstream)
    before = len(upstream.log.messages)
    async with served(parts, tmp_path / "two", upstream.url, **settings) as victim:
        upstream.faults.push(Fault("stall", seconds=60))
        asking = asyncio.create_task(post(victim.url, agent.body(), agent.headers))
        await upstream.log.until(lambda log: len(log.messages) > before)
        await victim.kill()
        await asyncio.gather(asking, return_exceptions=True)
    async with running_proxy(parts, tmp_path / "two", upstream.url, **settings) as running:
        state = await ended(running, await newest(running))
    assert state["outcome"] == "answered"
    first, second = upstream.log.messages[before:]
    assert first.body == second.body
    assert len(first.body) < len(agent.body()) / 2


@pytest.mark.parametrize("table", ["epochs", "heads"])
async def test_with_the_ledger_unreadable_the_original_is_never_sent(
    parts: Parts, upstream: Simulator, tmp_path: Path, table: str
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as running:
        await agent.until_epoch(running.url)
    before = len(upstream.log.messages)
    async with running_proxy(parts, tmp_path / "two", upstream.url, **SETTINGS) as running:
        async with renamed(parts, table):
            refused = await post(running.url, agent.body(), agent.headers)
            assert refused.status_code == 503
            assert is_error(refused.content, "api_error")
            assert len(upstream.log.messages) == before
            fresh = Agent(upstream)
            assert (await fresh.step(running.url)).context == "unchanged"
        assert (await agent.step(running.url)).epoch == 1


async def test_what_passed_unchanged_here_needs_no_ledger(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        for _ in range(3):
            await agent.step(running.url)
        async with renamed(parts, "heads"):
            before = len(upstream.log.messages)
            asking = asyncio.create_task(post(running.url, agent.body(), agent.headers))
            await upstream.log.until(lambda log: len(log.messages) > before)
        got = await asking
    assert got.status_code == 200
    assert got.headers["x-palimpsest-degraded"] == "query: failed"
    assert upstream.log.messages[-1].body == agent.body()


async def test_without_the_first_phase_nothing_new_is_decided(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """And what was decided is carried out: the second phase looks for itself."""
    agent = Agent(upstream)
    rules = ContextRules(ContextOptions(ContextMode.ON, 5_000), Policy(keep=2))
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_epoch(running.url)
        rewriter = ContextRewriter(rules, running.process.stores.epochs, Metrics(lambda: 0))
        view = parse(agent.body())
        lineage = traced(agent.body(), caller=caller_of(credential_of(KEY)))
        past = await running.process.context.epochs.find(view, None, lineage)
        rewrite = RewriteContextInput("req", None, 10, known=None)
        decided = await rewriter.rewrite(view, (), rewrite, past)
        assert decided.epoch == past.applied
        known = QueryIntelligenceResult("conv", 1, past.chain[-1].hex(), None, 0)
        rewrite = RewriteContextInput("req", None, 10, known)
        decided = await rewriter.rewrite(view, (), rewrite, past)
    assert past.applied
    assert past.applied.number == 1
    assert decided.epoch
    assert decided.epoch.number == 2


async def test_a_conversation_whose_plan_was_late_gets_more_time(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Else one that is slow to plan would grow to the end of its window."""

    def slow(found: Sequence[ToolExchange]) -> Sequence[float]:
        threading.Event().wait(0.6)
        return by_recency(found)

    agent = Agent(upstream)
    rules = ContextRules(ContextOptions(ContextMode.ON, 12_000), Policy(keep=2, scorer=slow))
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_bytes(running.url, 40_000, context="off")
        rewriter = ContextRewriter(rules, running.process.stores.epochs, Metrics(lambda: 0))
        view = parse(agent.body())
        known = QueryIntelligenceResult("conv", 1, None, None, 0)
        past = await running.process.context.epochs.find(view, known, traced(agent.body()))
        rewrite = RewriteContextInput("req", None, 0.5, known)
        late = await rewriter.rewrite(view, (), rewrite, past)
        again = await rewriter.rewrite(view, (), rewrite, past)
    assert (late.sent, late.epoch) == (None, None)
    assert again.sent
    assert again.epoch


async def test_a_count_goes_on_without_the_ledger(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """As it came: a client that gets no count is worse off than one that gets a large one."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    agent = Agent(upstream, "claude-sonnet-4-5")
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as running:
        await agent.until_epoch(running.url)
    path = "/v1/messages/count_tokens"
    async with (
        running_proxy(parts, tmp_path / "two", upstream.url, **SETTINGS) as running,
        client_of(running) as client,
        renamed(parts, "heads"),
    ):
        body = agent.body().replace(b'"max_tokens":4000,', b"")
        got = await client.post(path, content=body, headers=agent.headers)
    assert got.status_code == 200
    assert got.headers["x-palimpsest-degraded"] == "count: the ledger cannot be read"
    assert upstream.log[-1].body == body
    assert ID in got.headers
