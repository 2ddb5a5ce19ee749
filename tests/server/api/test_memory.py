"""What is known, by HTTP: who holds the token sees, edits and deletes it, and sees that it went."""

import uuid
from collections.abc import AsyncGenerator
from random import Random
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from palimpsest.memory.jsonl import encode_line
from palimpsest.memory.model import Memory
from palimpsest.store.postgres.capture import unpack
from palimpsest.store.vectors.model import SearchFilter
from tests.support.planted_secrets import FORMS
from tests.support.proxy import RunningProxy
from tests.support.requests import (
    ID,
    client_of,
    ended,
    message,
)
from tests.support.stored_memories import (
    TENANT,
    fix,
    pattern,
    turn,
)

PATH = "/v1/memory"


@pytest.fixture
async def client(running: RunningProxy) -> AsyncGenerator[httpx.AsyncClient]:
    async with client_of(running) as opened:
        opened.headers["authorization"] = f"Bearer {running.token}"
        yield opened


@pytest.fixture
def project() -> str:
    """One of the test's own, since all tests share a database."""
    return f"/home/me/{uuid.uuid4().hex}"


def lines(*memories: Memory) -> bytes:
    return b"".join(encode_line(memory) for memory in memories)


async def texts(client: httpx.AsyncClient, **params: Any) -> list[str]:
    got = await client.get(PATH, params=params)
    assert got.status_code == 200, got.text
    return [memory["text"] for memory in got.json()["memories"]]


async def test_nothing_is_open_without_the_token(running: RunningProxy) -> None:
    async with client_of(running) as stranger:
        for method, path in (
            ("GET", PATH),
            ("GET", f"{PATH}/export"),
            ("GET", f"{PATH}/mem_1"),
            ("POST", PATH),
            ("PATCH", f"{PATH}/mem_1"),
            ("DELETE", f"{PATH}?all=true"),
        ):
            assert (await stranger.request(method, path)).status_code == 403


async def test_what_was_put_in_is_listed_read_and_taken_out(
    client: httpx.AsyncClient, project: str
) -> None:
    given = [turn(f"turn {number}", number, project=project) for number in range(5)]
    content = lines(*given, pattern("before a commit", project=project)) + b"\n"
    put = await client.post(PATH, content=content)
    assert put.json() == {"read": 6, "new": 6}
    assert (await client.post(PATH, content=content)).json() == {"read": 6, "new": 0}
    first = (await client.get(PATH, params={"project": project, "limit": 4})).json()
    assert [memory["text"] for memory in first["memories"]] == [f"turn {n}" for n in (4, 3, 2, 1)]
    rest = await texts(client, project=project, limit=4, after=first["next"])
    assert sorted(rest) == ["before a commit: make test", "turn 0"]
    assert await texts(client, project=project, kind="pattern") == ["before a commit: make test"]
    assert await texts(client, project=project, contains="TURN 3") == ["turn 3"]
    one = await client.get(f"{PATH}/{given[0].id}")
    assert msgspec.json.decode(one.content, type=Memory) == given[0]
    out = await client.get(f"{PATH}/export", params={"project": project})
    assert sorted(out.content.splitlines()) == sorted(content.splitlines()[:-1])


async def test_a_line_that_is_none_is_named_and_nothing_is_taken(
    client: httpx.AsyncClient, project: str
) -> None:
    content = lines(turn("fine", 1, project=project)) + b'{"kind": "turn"}\n'
    refused = await client.post(PATH, content=content)
    assert refused.status_code == 400
    assert "line 2" in refused.json()["error"]["message"]
    assert await texts(client, project=project) == []


async def test_secrets_are_not_taken_in(client: httpx.AsyncClient, project: str) -> None:
    secret = FORMS["anthropic"](Random(7))
    memory = fix("KeyError: <q>", project=project)
    await client.post(PATH, content=lines(turn(f"use {secret}", 1, project=project), memory))
    await client.patch(f"{PATH}/{memory.id}", json={"text": f"set X={secret}"})
    found = await texts(client, project=project)
    assert len(found) == 2
    assert all("[secret: " in text and secret not in text for text in found)


async def test_a_person_edits_and_confirms(client: httpx.AsyncClient, project: str) -> None:
    memory = fix("KeyError: <q>", project=project)
    await client.post(PATH, content=lines(memory))
    patch = {"confirmed": True, "confidence": 0.5, "text": "better"}
    edited = (await client.patch(f"{PATH}/{memory.id}", json=patch)).json()
    assert {name: edited[name] for name in patch} == patch
    assert edited["id"] == memory.id
    wrongs: tuple[dict[str, Any], ...] = (
        {"confidence": 2},
        {"text": " "},
        {"tenant": "x"},
        {"detail": {"type": "pattern", "trigger": "a", "steps": []}},
    )
    for wrong in wrongs:
        assert (await client.patch(f"{PATH}/{memory.id}", json=wrong)).status_code == 400
    assert (await client.patch(f"{PATH}/mem_none", json=patch)).status_code == 404


@pytest.mark.parametrize(
    "query",
    ["limit=0", "kind=fact", "before=soon", "after=x", "after=2026-01-01T00:00:00"],
)
async def test_a_wrong_question_is_told(client: httpx.AsyncClient, query: str) -> None:
    got = await client.get(f"{PATH}?{query}")
    assert got.status_code == (200 if query.endswith("00:00") else 400)


async def test_deleting_says_what_is_meant(client: httpx.AsyncClient) -> None:
    assert (await client.delete(PATH)).status_code == 400


async def test_what_is_deleted_is_gone_from_the_index_too(
    running: RunningProxy, client: httpx.AsyncClient, project: str
) -> None:
    given = [turn(f"turn {number}", number, project=project) for number in range(3)]
    await client.post(PATH, content=lines(*given, fix("KeyError", project=project)))
    assert await running.process.memory.indexer.catch_up(30)
    where = SearchFilter(TENANT, projects=(project,))
    assert await running.process.memory.index.count(where) == 4
    one = await client.delete(PATH, params={"id": given[0].id})
    assert one.json()["deleted"]["memories"] == 1
    assert one.json()["checked"] == {"memories": 0, "captured": 0, "index": 0}
    by_kind = await client.delete(PATH, params={"project": project, "kind": "fix"})
    assert (by_kind.json()["deleted"]["memories"], by_kind.json()["remaining"]) == (1, 0)
    rest = await client.delete(PATH, params={"project": project})
    assert rest.json()["deleted"]["memories"] == 2
    assert rest.json()["checked"] == {"memories": 0, "captured": 0, "index": 0}
    assert await running.process.memory.index.count(where) == 0
    assert (await running.process.memory.store.save(given)) == 0


async def test_a_conversation_leaves_nothing_behind(
    running: RunningProxy, client: httpx.AsyncClient
) -> None:
    word = f"word{uuid.uuid4().hex}"
    answer = await client.post("/v1/messages", content=message(word))
    request_id = answer.headers[ID]
    state = await ended(running, request_id)
    conversation = state["conversation"]
    await running.process.memory.store.save([turn(word, 1, conversation=conversation)])
    deleted = (await client.delete(PATH, params={"conversation": conversation})).json()
    assert deleted["deleted"]["requests"] == 1
    assert deleted["deleted"]["memories"] == 1
    assert deleted["deleted"]["blobs"] >= 2
    assert deleted["remaining"] == 0
    assert (await client.get(f"/v1/requests/{request_id}")).status_code == 404
    assert await rows_with(running, word) == []
    again = await client.post("/v1/messages", content=message(word))
    assert again.status_code == 200
    await ended(running, again.headers[ID])


async def rows_with(running: RunningProxy, word: str) -> list[str]:
    """The tables that hold it in a row, or in a blob."""
    database = running.process.stores.database
    tables = await database.run(
        text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    )
    found: list[str] = []
    for name in (row["tablename"] for row in tables):
        [row] = await database.run(
            text(f"SELECT count(*) AS n FROM {name} AS t WHERE strpos(CAST(t AS text), :word) > 0"),
            {"word": word},
        )
        found += [name] * row["n"]
    for row in await database.run(text("SELECT codec, data FROM blobs")):
        if word.encode() in unpack(row["codec"], row["data"]):
            found.append("blobs")
    return found
