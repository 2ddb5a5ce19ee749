"""A model sums up what epochs cut, through the running proxy; or it fails to, and nothing else."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from harness.simulator import Fault, Simulator
from harness.simulator.log import Call
from tests.support.agent import (
    CAP,
    SETTINGS,
    Agent,
    Step,
    post,
)
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.request_life import name
from tests.support.requests import ID, ended, newest
from tests.support.serve import served

MODEL = "claude-haiku-4-5"
SUMMARISED = {**SETTINGS, "summariser": MODEL}
SAID = "A short title"
"""What the simulator says where there are no tools."""
LABEL = f"A summary, written by the model {MODEL}"
KEPT = text("SELECT count(*) AS n FROM summaries WHERE conversation_id = :id")


def asked(upstream: Simulator) -> list[Call]:
    """The calls for a summary."""
    return [call for call in upstream.log.messages if call.json()["model"] == MODEL]


async def attempts(running: RunningProxy, step: Step) -> list[tuple[str, int, str]]:
    state = await ended(running, step.answer.headers[ID])
    return [(one["kind"], one["number"], one["outcome"]) for one in state["attempts"]]


async def over_the_cap(running: RunningProxy, upstream: Simulator) -> Agent:
    """An agent whose next request needs an epoch."""
    agent = Agent(upstream)
    await agent.until_bytes(running.url, 45_000, context="off")
    return agent


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-sonnet-4-5"])
async def test_a_summary_takes_the_place_of_the_account(
    parts: Parts, upstream: Simulator, tmp_path: Path, model: str
) -> None:
    agent = Agent(upstream, model)
    async with running_proxy(parts, tmp_path, upstream.url, **SUMMARISED) as running:
        first = await agent.until_epoch(running.url)
        [call] = asked(upstream)
        assert await attempts(running, first) == [
            ("summary", 1, "answered"),
            ("answer", 1, "answered"),
        ]
        second = await agent.until_epoch(running.url, 2)
        metrics = running.process.metrics.render().decode()
        state = await ended(running, second.answer.headers[ID])
    assert LABEL in first.forwarded.decode()
    assert SAID in first.forwarded.decode()
    assert "## Facts in outputs" in first.forwarded.decode()
    assert state["context"]["tokens"]["sent"] < CAP / 2
    assert not [call for call in upstream.log.messages if call.facts["dropped"]]
    assert (call.path, call.header("x-api-key")) == ("/v1/messages?beta=true", "sk-ant-test")
    question = call.json()
    assert "stream" not in question
    excerpt = question["messages"][0]["content"]
    assert f"#0 user: I am {agent.name}." in excerpt
    assert "call Read: " in excerpt
    assert 'palimpsest_summaries_total{outcome="kept"} 2.0' in metrics
    later = asked(upstream)[1].json()["messages"][0]["content"]
    assert SAID in later, "what was cut before is told by its account"
    assert all(step.forwarded.count(SAID.encode()) <= 1 for step in agent.steps)


async def test_it_is_made_once(parts: Parts, upstream: Simulator, tmp_path: Path) -> None:
    """Whoever sends the turn again, from whatever process, is answered from the ledger."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SUMMARISED) as one:
        agent = await over_the_cap(one, upstream)
        step = await agent.step(one.url)
    async with running_proxy(parts, tmp_path / "two", upstream.url, **SUMMARISED) as two:
        answer = await post(two.url, step.sent, agent.headers)
    assert answer.status_code == 200
    assert upstream.log.messages[-1].body == step.forwarded
    assert len(asked(upstream)) == 1


async def test_requests_that_race_share_it(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with running_proxy(parts, tmp_path, upstream.url, **SUMMARISED) as running:
        agent = await over_the_cap(running, upstream)
        before = len(upstream.log.messages)
        answers = await asyncio.gather(
            *(post(running.url, agent.body(), agent.headers) for _ in range(3))
        )
        state = await ended(running, answers[0].headers[ID])
        [row] = await running.process.stores.database.run(KEPT, {"id": state["conversation"]})
    sent = {call.body for call in upstream.log.messages[before:] if call not in asked(upstream)}
    assert {answer.status_code for answer in answers} == {200}
    assert len(sent) == 1
    assert LABEL in sent.pop().decode()
    assert row["n"] == 1


async def test_a_call_that_fails_is_made_again(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with running_proxy(parts, tmp_path, upstream.url, **SUMMARISED) as running:
        agent = await over_the_cap(running, upstream)
        upstream.faults.push(Fault("status", status=529))
        step = await agent.step(running.url)
        assert await attempts(running, step) == [
            ("summary", 1, "upstream_error"),
            ("summary", 2, "answered"),
            ("answer", 1, "answered"),
        ]
    assert LABEL in step.forwarded.decode()


@pytest.mark.parametrize(
    ("faults", "calls"),
    [
        ([Fault("status", status=400)], ["upstream_error"]),
        ([Fault("reset"), Fault("cut_body")], ["broken", "broken"]),
    ],
    ids=["refused", "broken"],
)
async def test_without_one_the_account_stays(
    parts: Parts, upstream: Simulator, tmp_path: Path, faults: list[Fault], calls: list[str]
) -> None:
    async with running_proxy(parts, tmp_path, upstream.url, **SUMMARISED) as running:
        agent = await over_the_cap(running, upstream)
        upstream.faults.push(*faults)
        step = await agent.step(running.url)
        assert await attempts(running, step) == [
            *(("summary", number, outcome) for number, outcome in enumerate(calls, 1)),
            ("answer", 1, "answered"),
        ]
        state = await ended(running, step.answer.headers[ID])
        after = await agent.step(running.url)
    assert step.epoch == after.epoch == 1
    assert LABEL not in step.forwarded.decode()
    assert "left out" in step.forwarded.decode()
    assert all(attempt["usage"] is not None for attempt in state["attempts"])
    assert len(asked(upstream)) == len(calls)


@pytest.mark.parametrize("changes", [{"context": "observe"}, {"summariser": None}])
async def test_nobody_is_asked_unless_an_epoch_begins_and_it_is_wanted(
    parts: Parts, upstream: Simulator, tmp_path: Path, changes: dict[str, Any]
) -> None:
    settings = {**SUMMARISED, **changes}
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **settings) as running:
        await agent.until_bytes(running.url, 50_000)
        state = await ended(running, agent.steps[-1].answer.headers[ID])
    assert state["context"]["epoch"] or state["context"]["observed"]
    assert not asked(upstream)


async def test_a_process_dies_while_it_asks(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Its call is on record as one whose end nobody knows, and the next process asks again."""
    settings = {**SUMMARISED, "task_queue": name()}
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as running:
        agent = await over_the_cap(running, upstream)
        upstream.faults.push(Fault("stall", seconds=60))
        async with served(parts, tmp_path / "two", upstream.url, **settings) as victim:
            asking = asyncio.create_task(post(victim.url, agent.body(), agent.headers))
            await upstream.log.until(lambda log: log.open == 1)
            await victim.kill()
            killed = await newest(running)
            await asyncio.gather(asking, return_exceptions=True)
    async with running_proxy(parts, tmp_path / "two", upstream.url, **settings) as running:
        state = await ended(running, killed)
    assert [(one["kind"], one["outcome"]) for one in state["attempts"]] == [
        ("summary", "unknown"),
        ("summary", "answered"),
        ("answer", "answered"),
    ]
    assert LABEL in upstream.log.messages[-1].body.decode()
