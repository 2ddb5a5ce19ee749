"""What is shown of a conversation: decisions for everybody, content for the token's holder."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from harness.simulator import Simulator
from tests.support.agent import SETTINGS, Agent
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import ID, client_of, ended

Told = dict[str, Any]


@pytest.fixture
async def running(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> AsyncGenerator[RunningProxy]:
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as proxy:
        yield proxy


@pytest.fixture
async def client(running: RunningProxy) -> AsyncGenerator[httpx.AsyncClient]:
    """One that holds the local token."""
    async with client_of(running) as opened:
        opened.headers["authorization"] = f"Bearer {running.token}"
        yield opened


async def talked(running: RunningProxy, upstream: Simulator) -> tuple[Agent, str]:
    """An agent after its second epoch, and its conversation's path."""
    agent = Agent(upstream)
    await agent.until_epoch(running.url, 2)
    state = await ended(running, agent.steps[-1].answer.headers[ID])
    return agent, f"/v1/conversations/{state['conversation']}"


async def test_turns_and_epochs_are_listed(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    agent, path = await talked(running, upstream)
    del client.headers["authorization"]
    got = await client.get(path)
    assert got.status_code == 200
    told: Told = got.json()
    assert [turn["request"] for turn in told["turns"]] == [
        step.answer.headers[ID] for step in agent.steps
    ]
    assert [turn["turn"] for turn in told["turns"]] == list(range(1, len(agent.steps) + 1))
    assert {turn["outcome"] for turn in told["turns"]} == {"answered"}
    assert told["token_ratio"] > 0
    one, two = told["epochs"]
    assert (one["number"], two["number"]) == (1, 2)
    numbers = {None: 0, one["id"]: 1, two["id"]: 2}
    applied = [numbers[turn["context"]["epoch"]] for turn in told["turns"]]
    assert applied == [step.epoch for step in agent.steps]
    for epoch in (one, two):
        began = next(turn for turn in told["turns"] if turn["context"]["epoch"] == epoch["id"])
        assert (epoch["begun_by"], epoch["mode"]) == (began["request"], "on")
        assert epoch["depth"] == began["messages"]
        assert epoch["tokens"]["after"] < epoch["tokens"]["before"]
        for decision in epoch["decisions"]:
            assert decision["reasons"]
            assert decision["change"] in ("dropped", "edited")
            assert decision["tokens"]["before"] > 0
    assert agent.name not in got.text, "no content"
    assert "job=" not in got.text


async def test_the_diff_shows_what_was_sent_beside_what_was_seen(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    agent, path = await talked(running, upstream)
    for number, step in enumerate(agent.steps, 1):
        told: Told = (await client.get(f"{path}/diff?turn={number}")).json()
        assert (told["turn"], told["request"]) == (number, step.answer.headers[ID])
        rows = told["messages"]
        assert [row["position"] for row in rows] == list(range(len(rows)))
        sent, seen = (msgspec.json.decode(body)["messages"] for body in (step.sent, step.forwarded))
        assert [row["client"] for row in rows] == sent
        model = [row.get("model", row["client"]) for row in rows if row["change"] != "dropped"]
        assert model == seen
        assert all(row["reasons"] for row in rows if row["change"] != "same")
        assert any(row["change"] != "same" for row in rows) == bool(step.epoch)
    newest: Told = (await client.get(f"{path}/diff")).json()
    assert newest["request"] == agent.steps[-1].answer.headers[ID]
    named = await client.get(f"{path}/diff?turn={agent.steps[0].answer.headers[ID]}")
    assert named.json()["turn"] == 1


async def test_what_was_sent_is_rendered_again(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    """Byte for byte, from the ledger."""
    agent, _ = await talked(running, upstream)
    for step in agent.steps:
        got = await client.get(f"/v1/requests/{step.answer.headers[ID]}/sent")
        assert (got.status_code, got.content) == (200, step.forwarded)
        came = await client.get(f"/v1/requests/{step.answer.headers[ID]}/request")
        assert came.content == step.sent


async def test_every_cut_message_is_there(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    agent, path = await talked(running, upstream)
    for position, message in enumerate(agent.messages[:-2]):
        got = await client.get(f"{path}/messages/{position}")
        assert (got.status_code, got.json()) == (200, message)
    early = await client.get(f"{path}/messages/2?turn=2")
    assert early.json() == agent.messages[2]
    assert (await client.get(f"{path}/messages/2?turn=1")).status_code == 404


async def test_what_was_observed_is_shown_as_what_would_have_been_seen(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    agent = Agent(upstream)
    await agent.until_bytes(running.url, 60_000, context="observe")
    state = await ended(running, agent.steps[-1].answer.headers[ID])
    told: Told = (await client.get(f"/v1/conversations/{state['conversation']}/diff")).json()
    assert (told["context"]["epoch"], told["context"]["mode"]) == (None, "observe")
    assert {row["change"] for row in told["messages"]} >= {"same", "dropped"}


@pytest.mark.parametrize("rest", ["/diff", "/diff?turn=1", "/messages/0"])
async def test_content_needs_the_token(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator, rest: str
) -> None:
    agent = Agent(upstream)
    await agent.step(running.url)
    state = await ended(running, agent.steps[-1].answer.headers[ID])
    path = f"/v1/conversations/{state['conversation']}{rest}"
    assert (await client.get(path)).status_code == 200
    client.headers["authorization"] = "Bearer wrong"
    refused = await client.get(path)
    assert refused.status_code == 403
    assert agent.name not in refused.text


async def test_what_is_not_there_is_not_found(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    agent = Agent(upstream)
    await agent.step(running.url)
    state = await ended(running, agent.steps[-1].answer.headers[ID])
    path = f"/v1/conversations/{state['conversation']}"
    for rest in ("x", "x/diff", "x/messages/0"):
        assert (await client.get(f"/v1/conversations/{rest}")).status_code == 404
    for rest in ("/diff?turn=9", "/diff?turn=req_x", "/messages/7", "/messages/99999999"):
        assert (await client.get(path + rest)).status_code == 404
    for rest in ("/diff?turn=-1", "/diff?turn=x", "/messages/-1", "/messages/x"):
        assert (await client.get(path + rest)).status_code == 400
