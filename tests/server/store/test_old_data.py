"""A database of an earlier version opens: its conversations, epochs, requests and memories are
found, and its epochs still apply (tests/old_data/README.md tells how the dump was made)."""

import gzip
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest

from harness.simulator import Simulator
from palimpsest.store.postgres.database import normalised
from tests.support.agent import CAP, CONTEXT
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import ID, client_of
from tests.support.shared_servers import SharedPostgres

OLD_DATA = Path(__file__).parents[2] / "old_data"
CONVERSATION = "conv_01a22341a43d9ccb6df6d7dfb0"
HEADERS = {
    "x-api-key": "sk-ant-test",
    "anthropic-version": "2023-06-01",
    "x-palimpsest-context-cap": str(CAP),
}


@pytest.fixture
async def old(
    parts: Parts, postgres: SharedPostgres, upstream: Simulator, tmp_path: Path
) -> AsyncGenerator[RunningProxy]:
    """A proxy on the database of version 0006 and an empty data directory: no key is needed once
    all requests have ended, and the vector index is filled again."""
    url = await postgres.make_database()
    connection = await asyncpg.connect(normalised(url, "postgresql"))
    await connection.execute(gzip.decompress((OLD_DATA / "0006.sql.gz").read_bytes()).decode())
    await connection.close()
    restored = Parts(parts.temporal_address, url)
    # However old the dump is by now: no sweep, and no new epoch because the cache is cold.
    changes = {"retention_days": 36_500, "context_thrift": False, "coalesce": "never"}
    async with running_proxy(restored, tmp_path, upstream.url, **changes) as proxy:
        yield proxy


@pytest.fixture
async def client(old: RunningProxy) -> AsyncGenerator[httpx.AsyncClient]:
    """One that holds the local token."""
    async with client_of(old) as opened:
        opened.headers["authorization"] = f"Bearer {old.token}"
        yield opened


async def test_conversations_requests_and_memories_are_found(client: httpx.AsyncClient) -> None:
    shown = (await client.get(f"/v1/conversations/{CONVERSATION}")).json()
    assert [turn["turn"] for turn in shown["turns"]] == list(range(1, 11))
    assert {turn["outcome"] for turn in shown["turns"]} == {"answered"}
    assert [epoch["number"] for epoch in shown["epochs"]] == [1]
    newest = f"/v1/requests/{shown['turns'][-1]['request']}"
    assert (await client.get(newest)).json()["attempts"][0]["outcome"] == "answered"
    assert len((await client.get(f"{newest}/request")).json()["messages"]) == 19
    sent = gzip.decompress((OLD_DATA / "0006_sent.json.gz").read_bytes())
    assert (await client.get(f"{newest}/sent")).content == sent
    memories = (await client.get("/v1/memory", params={"project": "/srv/shop"})).json()["memories"]
    assert {memory["kind"] for memory in memories} == {"turn", "fix"}
    archived = await client.get("/v1/memory", params={"conversation": CONVERSATION, "limit": 100})
    assert len(archived.json()["memories"]) == 62


async def test_the_next_turn_is_sent_by_the_recorded_epoch(
    old: RunningProxy, client: httpx.AsyncClient, upstream: Simulator
) -> None:
    shown = (await client.get(f"/v1/conversations/{CONVERSATION}")).json()
    newest = f"/v1/requests/{shown['turns'][-1]['request']}"
    body = (await client.get(f"{newest}/request")).json()
    answer = (await client.get(f"{newest}/response")).json()
    body["messages"] += [
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": "Go on."},
    ]
    got = await client.post("/v1/messages", content=msgspec.json.encode(body), headers=HEADERS)
    assert got.status_code == 200, got.text
    assert got.headers[CONTEXT].startswith("rewritten;epoch=1;")
    [call] = upstream.log.messages
    before = msgspec.json.decode(gzip.decompress((OLD_DATA / "0006_sent.json.gz").read_bytes()))
    sent = call.json()
    assert sent["messages"][: len(before["messages"])] == before["messages"]
    assert len(sent["messages"]) == len(before["messages"]) + 2
    told = (await client.get(f"/v1/requests/{got.headers[ID]}")).json()
    assert (told["conversation"], told["turn"]) == (CONVERSATION, 11)
