"""What became of a request is there to be read: its state for all, its content with the token."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from harness.simulator import Fault, Simulator
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    body_of,
    client_of,
    ended,
    message,
)


def bearer(running: RunningProxy) -> dict[str, str]:
    return {"authorization": f"Bearer {running.token}"}


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("gzipped", [True, False])
async def test_content_comes_back_byte_for_byte(
    running: RunningProxy,
    client: httpx.AsyncClient,
    upstream: Simulator,
    streaming: bool,
    gzipped: bool,
) -> None:
    if gzipped:
        upstream.faults.push(Fault("gzip"))
    body = message("hello " * 300, stream=streaming)
    headers = {"accept-encoding": "gzip"} if gzipped else {}
    got = await client.post("/v1/messages", content=body, headers=headers)
    base = f"/v1/requests/{got.headers[ID]}"
    await ended(running, got.headers[ID])
    request = await client.get(f"{base}/request", headers=bearer(running))
    assert request.content == body
    assert request.headers["content-type"] == "application/json"
    async with client.stream("GET", f"{base}/response", headers=bearer(running)) as response:
        raw = b"".join([chunk async for chunk in response.aiter_raw()])
    assert raw == bytes(upstream.log[0].answer)
    for name in ("content-type", "content-encoding"):
        assert response.headers.get(name) == got.headers.get(name)


@pytest.mark.parametrize("kind", ["request", "sent", "response"])
@pytest.mark.parametrize("token", [None, "Bearer", "Bearer wrong", "Bearer ünï"])
async def test_content_needs_the_token(
    running: RunningProxy, client: httpx.AsyncClient, kind: str, token: str | None
) -> None:
    got = await client.post("/v1/messages", content=message())
    headers = [] if token is None else [(b"authorization", token.encode())]
    refused = await client.get(f"/v1/requests/{got.headers[ID]}/{kind}", headers=headers)
    assert refused.status_code == 403
    assert "hello" not in refused.text
    shown = await client.get(f"/v1/requests/{got.headers[ID]}", headers=headers)
    assert shown.status_code == 200
    assert "hello" not in shown.text


async def test_the_state_tells_times_attempts_and_tokens(
    running: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("status", status=529))
    got = await client.post("/v1/messages", content=message(stream=True))
    state = await ended(running, got.headers[ID])
    usage = upstream.log.messages[1].facts["usage"]
    assert state["state"] == "ended"
    assert (state["outcome"], state["status"], state["reason"]) == ("answered", 200, None)
    assert (state["model"], state["stream"]) == ("claude-sonnet-4-6", True)
    assert state["stop_reason"] == "end_turn"
    assert state["tokens"]["input"] == usage["input_tokens"]
    assert state["tokens"]["output"] == usage["output_tokens"]
    assert all(value >= 0 for value in state["phases"].values())
    times = state["times"]
    assert times["overhead_ms"] < times["first_byte_ms"] <= times["total_ms"]
    assert times["upstream_first_byte_ms"] < times["total_ms"]
    assert state["bytes"]["response"] == len(upstream.log.messages[1].answer)
    assert [attempt["status"] for attempt in state["attempts"]] == [529, 200]
    assert [attempt["number"] for attempt in state["attempts"]] == [1, 2]
    assert all(attempt["sent_at"] <= attempt["closed_at"] for attempt in state["attempts"])


async def test_stats_and_metrics_tell_of_the_phases(
    running: RunningProxy, client: httpx.AsyncClient
) -> None:
    got = await client.post("/v1/messages", content=message(stream=True))
    await ended(running, got.headers[ID])
    stats = (await client.get("/v1/stats?hours=0.5")).json()
    assert stats["outcomes"]["answered"] >= 1
    assert stats["tokens"]["output"] > 0
    for phase, target, critical in (
        ("query", 2000, 5000),
        ("rewrite", 100, 500),
        ("forward_overhead", 500, None),
        ("total", 3000, 10000),
    ):
        found = stats["phases_ms"][phase]
        assert (found["target"], found["critical"]) == (target, critical)
        assert 0 <= found["p50"] <= found["p95"] <= found["p99"]
    lines = (await client.get("/metrics")).text
    for phase in ("accept", "query", "rewrite", "forward_overhead", "total"):
        assert f'palimpsest_phase_duration_seconds_count{{phase="{phase}"}} 1.0' in lines
    assert 'palimpsest_requests_settled_total{outcome="answered"} 1.0' in lines
    assert "palimpsest_requests_in_flight 0.0" in lines
    assert 'palimpsest_phase_target_seconds{level="critical",phase="total"} 10.0' in lines
    assert "gen_ai_server_time_to_first_token_seconds_count" in lines
    ready = await client.get("/readyz")
    assert ready.json() == {
        "ready": True,
        "parts": {"engine": "ok", "database": "ok", "worker": "ok"},
    }


def human(words: str, *, marked: bool = False) -> dict[str, Any]:
    block = {"type": "text", "text": words, "cache_control": {"type": "ephemeral"}}
    return {"role": "user", "content": [block] if marked else words}


def model(words: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "text", "text": words}]}


async def turn(running: RunningProxy, *messages: dict[str, Any]) -> tuple[str, int]:
    """The conversation and the turn that a request was taken for."""
    async with client_of(running) as client:
        got = await client.post("/v1/messages", content=body_of(*messages))
    assert got.status_code == 200
    state = await ended(running, got.headers[ID])
    return state["conversation"], state["turn"]


async def test_a_conversation_is_found_by_lineage(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Over turns, forks, another's start, and a restart of the proxy."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first = f"first words of {tmp_path}"
    history = [human(first), model("one"), human("second"), model("two")]
    async with running_proxy(parts, tmp_path / "a", upstream.url) as running:
        name, number = await turn(running, human(first, marked=True))
        assert number == 1
        assert await turn(running, *history[:2], human("second", marked=True)) == (name, 2)
        fork = await turn(running, *history[:2], human("another way", marked=True))
        assert fork == (name, 2)
        other, number = await turn(running, human(first + "!"))
        assert (number, other != name) == (1, True)
    async with running_proxy(parts, tmp_path / "b", upstream.url) as running:
        assert await turn(running, *history, human("third", marked=True)) == (name, 3)
        long = [*history, human("third")]
        for step in range(40):
            long += [model(f"step {step}"), human(f"go on {step}")]
        assert await turn(running, *long) == (name, 4)


async def test_the_token_ratio_is_measured(
    parts: Parts, running: RunningProxy, upstream: Simulator, tmp_path: Path
) -> None:
    first = human(f"ratio {tmp_path} " + "several words of a prompt " * 200)
    name, _ = await turn(running, first)
    [row] = await running.process.stores.database.run(_RATIO, {"id": name})
    used = upstream.log[0].facts["usage"]["input_tokens"]
    assert row["token_ratio"] == pytest.approx(used / row["counted"])
    assert row["token_ratio"] != pytest.approx(1.0)


_RATIO = text("""
SELECT c.token_ratio, r.counted_tokens AS counted FROM conversations c
JOIN requests r ON r.conversation_id = c.id WHERE c.id = :id
""")
