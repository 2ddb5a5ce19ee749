"""A conversation that grows over its cap, through the running proxy to the strict simulator."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from harness.simulator import Simulator
from palimpsest.context.model import ContextMode
from palimpsest.context.options import ContextOptions, read_options
from palimpsest.dialects.anthropic.body import BINDING_BETA
from palimpsest.exchanges.registry import ExchangeRegistry, read_arrival
from tests.support.agent import (
    CAP,
    CONTEXT,
    SETTINGS,
    Agent,
    Step,
    post,
)
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    client_of,
    ended,
    eventually,
    is_error,
    message,
    state_of,
)

COUNT = text("SELECT count(*) AS n FROM epochs WHERE conversation_id = :id")
HOUR_AGO = text("""
UPDATE conversations SET updated_at = now() - interval '61 minutes' WHERE id = :id
""")
MODELS = ("claude-opus-5-5", "claude-sonnet-4-5")


def prompt_tokens(upstream: Simulator) -> list[int]:
    """What the provider counted of each prompt."""
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return [sum(call.facts["usage"][kind] for kind in kinds) for call in upstream.log.messages]


@pytest.mark.parametrize("model", MODELS)
async def test_a_prompt_stays_under_its_cap(
    parts: Parts, upstream: Simulator, tmp_path: Path, model: str
) -> None:
    """Valid, with its thinking intact, and unchanged between the epochs."""
    agent = Agent(upstream, model)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_epoch(running.url, 3)
        metrics = running.process.metrics.render().decode()
        state = await ended(running, agent.steps[-1].answer.headers[ID])
    assert max(prompt_tokens(upstream)) <= CAP
    assert not [call for call in upstream.log.messages if call.facts["dropped"]]
    first = next(n for n, step in enumerate(agent.steps) if step.epoch)
    assert all(step.sent == step.forwarded for step in agent.steps[:first])
    assert all(len(step.forwarded) < len(step.sent) for step in agent.steps[first:])
    assert [step.context for step in agent.steps[:first]] == ["unchanged"] * first
    assert (
        sum(map(int, re.findall(r"^palimpsest_epochs_total{.*} (\d+)", metrics, re.MULTILINE))) == 3
    )
    assert "palimpsest_pruned_tokens_total 0.0" not in metrics
    [asked] = re.findall(r"^palimpsest_prefix_stable_ratio_count (\S+)", metrics, re.MULTILINE)
    [stable] = re.findall(r"^palimpsest_prefix_stable_ratio_sum (\S+)", metrics, re.MULTILINE)
    assert float(asked) >= len(agent.steps), "a local activity may run twice"
    assert float(asked) - 3 <= float(stable) < float(asked)
    context = state["context"]
    assert (context["mode"], context["observed"]) == ("on", None)
    assert context["epoch"]
    assert context["tokens"]["sent"] < CAP < context["tokens"]["original"]
    said = f"tokens={context['tokens']['sent']};saved="
    assert agent.steps[-1].context.startswith(f"rewritten;epoch=3;{said}")


async def again(url: str, agent: Agent, steps: list[Step]) -> list[bytes]:
    """What is forwarded when these are sent once more, in this order."""
    forwarded: list[bytes] = []
    for step in steps:
        before = len(agent.upstream.log.messages)
        answer = await post(url, step.sent, agent.headers)
        assert answer.status_code == 200
        forwarded.append(agent.upstream.log.messages[before].body)
    return forwarded


async def test_decisions_are_replayed_by_any_process_in_any_order(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as running:
        await agent.until_epoch(running.url, 3)
    # Those that come just before an epoch may begin one of their own, now that the ratio of the
    # conversation is better known.
    starts = [n for n, step in enumerate(agent.steps) if step.epoch > agent.steps[n - 1].epoch]
    chosen = [step for n, step in enumerate(agent.steps) if not {n + 1, n + 2, n + 3} & set(starts)]
    assert {step.epoch for step in chosen} >= {0, 1, 3}
    async with running_proxy(parts, tmp_path / "two", upstream.url, **SETTINGS) as running:
        chosen.reverse()
        assert await again(running.url, agent, chosen) == [step.forwarded for step in chosen]
        later = await agent.step(running.url)
    assert later.epoch == 3
    assert not [call for call in upstream.log.messages if call.facts["dropped"]]


async def test_requests_that_race_are_rewritten_alike(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    agent = Agent(upstream)
    async with (
        running_proxy(parts, tmp_path / "one", upstream.url, **SETTINGS) as one,
        running_proxy(parts, tmp_path / "two", upstream.url, **SETTINGS) as two,
    ):
        await agent.until_bytes(one.url, 45_000, context="off")
        before = len(upstream.log.messages)
        answers = await asyncio.gather(
            *(post(running.url, agent.body(), agent.headers) for running in (one, two, one, two))
        )
        state = await ended(one, answers[0].headers[ID])
        [row] = await one.process.stores.database.run(COUNT, {"id": state["conversation"]})
    assert {answer.status_code for answer in answers} == {200}
    assert len({call.body for call in upstream.log.messages[before:]}) == 1
    assert len(upstream.log.messages[-1].body) < len(agent.body())
    assert row["n"] == 1
    assert all("epoch=1;" in answer.headers[CONTEXT] for answer in answers)


async def test_off_decides_nothing_new_and_takes_nothing_back(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_bytes(running.url, 40_000, context="off")
        assert all(step.context == "unchanged" for step in agent.steps)
        assert all(step.sent == step.forwarded for step in agent.steps)
        began = await agent.step(running.url)
        assert began.epoch == 1
        after = await agent.step(running.url, context="off", context_cap="8000")
        assert after.epoch == 1
        watched = await agent.step(running.url, context="observe", context_cap="8000")
        assert watched.epoch == 1
        assert len(watched.forwarded) < len(watched.sent)
    assert not [call for call in upstream.log.messages if call.facts["dropped"]]


async def test_observe_reports_and_sends_what_came(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    settings = {**SETTINGS, "context": "observe"}
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **settings) as running:
        await agent.until_bytes(running.url, 90_000)
        state = await ended(running, agent.steps[-1].answer.headers[ID])
        async with client_of(running) as client:
            shown = (await client.get(f"/v1/conversations/{state['conversation']}")).json()
    assert all(step.sent == step.forwarded for step in agent.steps)
    told = [step.context.partition(";")[0] for step in agent.steps]
    assert sorted(set(told)) == ["observed", "unchanged"]
    assert told == sorted(told, reverse=True), "once observed, it stays so"
    assert (state["context"]["mode"], state["context"]["epoch"]) == ("observe", None)
    assert state["context"]["observed"]
    original = state["context"]["tokens"]["original"]
    fields = dict(part.split("=") for part in agent.steps[-1].context.split(";")[1:])
    assert int(fields["tokens"]) + int(fields["saved"]) == original
    assert int(fields["tokens"]) < CAP
    # It goes on from what it observed, as it would in earnest.
    assert shown["turns"][-1]["context"]["observed"] == shown["epochs"][-1]["id"]
    assert len(shown["epochs"]) > 1
    assert [epoch["number"] for epoch in shown["epochs"]] == [*range(1, len(shown["epochs"]) + 1)]


async def test_the_cap_of_one_request(parts: Parts, upstream: Simulator, tmp_path: Path) -> None:
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_bytes(running.url, 60_000, context_cap="0")
        assert {step.context for step in agent.steps} == {"unchanged"}
        assert (await agent.step(running.url)).epoch == 1
        sent = len(upstream.log)
        for name, value in (
            (CONTEXT, "perhaps"),
            (f"{CONTEXT}-cap", "-1"),
            (f"{CONTEXT}-cap", "x"),
        ):
            refused = await post(running.url, agent.body(), {**agent.headers, name: value})
            assert refused.status_code == 400
            assert is_error(refused.content, "invalid_request_error")
    assert len(upstream.log) == sent


async def test_headers_for_us_stay_here(running: RunningProxy, upstream: Simulator) -> None:
    headers = {CONTEXT: "observe", f"{CONTEXT}-cap": "0", "x-palimpsest-request-id": "req_none"}
    async with client_of(running) as client:
        await client.post("/v1/messages", content=message("mine"), headers=headers)
        await client.post("/v1/messages/count_tokens", content=message("mine"), headers=headers)
    assert len(upstream.log) == 2
    names = [name for call in (upstream.log[0], upstream.log[1]) for name, _ in call.headers]
    assert not [name for name in names if name.lower().startswith(b"x-palimpsest")]


async def test_what_the_headers_ask_for_holds_in_every_process(
    running: RunningProxy, upstream: Simulator
) -> None:
    """Also in one that the request did not come to."""
    step = await Agent(upstream).step(running.url, context="off", context_cap="7000")
    request_id = step.answer.headers[ID]
    stores = running.process.stores
    headers = (await read_arrival(request_id, ExchangeRegistry(), stores.requests)).headers
    assert read_options(headers, ContextOptions(ContextMode.ON, None)) == ContextOptions(
        ContextMode.OFF, 7_000
    )
    assert b"sk-ant-test" not in [value for _, value in headers]


async def test_where_nothing_can_be_pruned_the_providers_own_error_is_the_answer(
    parts: Parts, tmp_path: Path
) -> None:
    async with (
        Simulator.serve(window=5_000) as upstream,
        running_proxy(parts, tmp_path, upstream.url, context_window=5_000) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=message("word " * 20_000))
        assert got.status_code == 400
        assert "prompt is too long" in got.text
        assert got.content == bytes(upstream.log.messages[0].answer)
        assert got.headers[CONTEXT] == "unchanged"
        assert upstream.log.messages[0].body == message("word " * 20_000)


async def test_a_resend_joins_the_rewritten_request(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """It is known by what the client sent, not by what was made of it."""
    settings = {**SETTINGS, "coalesce": "session"}
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **settings) as running:
        await agent.until_epoch(running.url)
        before, body = len(upstream.log.messages), agent.body()
        answers = await asyncio.gather(*(post(running.url, body, agent.headers) for _ in range(3)))
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers[ID] for answer in answers}) == 1
    assert len(upstream.log.messages) == before + 1
    assert len(upstream.log.messages[-1].body) < len(body)


async def test_the_ratio_is_that_of_what_was_sent(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_epoch(running.url, 2)
        state = await state_of(running, agent.steps[-1].answer.headers[ID])
    used = prompt_tokens(upstream)[-1]
    assert state["tokens"]["counted"] < used < state["tokens"]["counted"] * 1.5
    assert abs(state["context"]["tokens"]["sent"] - used) < 0.1 * used
    assert state["context"]["tokens"]["original"] > 1.5 * used


async def test_a_cold_cache_is_the_time_for_an_epoch(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Not at once; an hour after the last answer, when all would be written anew anyway."""
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await agent.until_bytes(running.url, 30_000, context="off")
        state = await ended(running, agent.steps[-1].answer.headers[ID])
        await running.process.stores.database.run(HOUR_AGO, {"id": state["conversation"]})
        assert (await agent.step(running.url)).epoch == 1
        async with client_of(running) as client:
            shown = (await client.get(f"/v1/conversations/{state['conversation']}")).json()
    assert [epoch["cause"] for epoch in shown["epochs"]] == ["cold"]


async def test_bound_thinking_may_be_left_to_the_api(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """It is sent where it stands, and the API says that it dropped it."""
    agent = Agent(upstream)
    settings = {**SETTINGS, "thinking_escape": True}
    async with running_proxy(parts, tmp_path, upstream.url, **settings) as running:
        await agent.until_epoch(running.url)
        await agent.step(running.url)
        metrics = running.process.metrics.render().decode()
    asking = [call for call in upstream.log.messages if call.header("anthropic-beta")]
    assert [call.header("anthropic-beta") for call in asking] == [BINDING_BETA] * 2
    dropped = sum(len(call.facts["dropped"]) for call in asking)
    assert dropped > 0
    line = 'palimpsest_thinking_blocks_dropped_total{reason="prefix_binding_mismatch"}'
    assert f"{line} {dropped}.0" in metrics


async def count(running: RunningProxy, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
        return await client.post(
            "/v1/messages/count_tokens?beta=true", content=_uncounted(body), headers=headers
        )


def _uncounted(body: bytes) -> bytes:
    """The request as it is sent to be counted."""
    fields: dict[str, Any] = msgspec.json.decode(body)
    for name in ("max_tokens", "metadata", "context_management"):
        fields.pop(name, None)
    return msgspec.json.encode(fields)


async def test_a_count_is_of_what_would_be_sent(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    agent = Agent(upstream)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        before = _uncounted(agent.body())
        assert (await count(running, agent.body(), agent.headers)).status_code == 200
        assert upstream.log[-1].body == before, "a first turn is counted as it came"
        for step in (await agent.until_epoch(running.url), await agent.step(running.url)):
            counted = await count(running, step.sent, agent.headers)
            seen = msgspec.json.decode(step.forwarded)["messages"]
            assert counted.status_code == 200
            assert upstream.log[-1].json()["messages"] == seen
    used = prompt_tokens(upstream)[-1]
    assert counted.json()["input_tokens"] == pytest.approx(used, rel=0.01)


async def test_what_cannot_be_counted_is_refused_by_the_provider(
    running: RunningProxy, upstream: Simulator
) -> None:
    async with client_of(running) as client:
        for body in (b"", b"{}", b"[1]", b'{"model": 1}'):
            refused = await client.post("/v1/messages/count_tokens", content=body)
            assert refused.status_code == 400
            assert refused.content == bytes(upstream.log[-1].answer)
    assert len(upstream.log) == 4


async def test_epochs_are_not_lost_to_a_slow_start(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """A conversation that was begun elsewhere comes in whole, over its cap: the first plan counts
    all of it, and whether it comes in time or not, a later turn has its epoch."""
    agent = Agent(upstream)
    await agent.until_bytes(upstream.url, 60_000)
    async with running_proxy(parts, tmp_path, upstream.url, **SETTINGS) as running:
        await eventually(lambda: agent.step(running.url), lambda step: step.epoch == 1)
    assert agent.steps[-1].epoch == 1
