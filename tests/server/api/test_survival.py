"""Processes die; what was accepted ends, credentials stay sealed, ends outlive the database."""

import asyncio
import base64
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from temporalio.client import Client

from harness.simulator import Fault, Simulator
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.errors import CredentialsLost
from palimpsest.runtime.heartbeat import Heartbeat
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.spill import Spill
from palimpsest.store.vault import Vault, VaultContent, vault_key
from tests.support.canned_provider import Canned, Received, Script, held
from tests.support.interrupted_clients import SESSION, cut, send
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.request_life import (
    SHOWN,
    accepted,
    name,
    settled,
)
from tests.support.requests import (
    HEADERS,
    ID,
    client_of,
    ended,
    eventually,
    is_error,
    message,
    short_stream,
)
from tests.support.serve import served
from tests.support.table_lock import locked

PIECES = short_stream()
WHOLE = b"".join(PIECES)
AGE = text("UPDATE requests SET accepted_at = now() - interval '20 seconds' WHERE id = :id")
TABLES = text("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")


def first_held(*first: bytes | asyncio.Event) -> Script:
    """The first call gets these pieces, every later one a whole answer."""
    scripts = [held(*first)]

    async def script(received: Received) -> AsyncIterator[bytes]:
        chosen = scripts.pop() if scripts else held(*PIECES)
        async for piece in chosen(received):
            yield piece

    return script


async def stream_into_a_kill(
    parts: Parts, data_dir: Path, url: str, content: bytes, **settings: object
) -> str:
    """A client that reads the first bytes when kill -9 strikes; returns the request's id."""
    async with (
        served(parts, data_dir, url, **settings) as victim,
        httpx.AsyncClient(base_url=victim.url, headers=SESSION, timeout=30) as client,
    ):
        async with client.stream("POST", "/v1/messages", content=content) as got:
            chunks = got.aiter_raw()
            await anext(chunks)
            await victim.kill()
            with pytest.raises(httpx.TransportError):
                _ = [chunk async for chunk in chunks]
        return got.headers[ID]


async def test_kill_9_in_mid_stream_is_carried_on(parts: Parts, tmp_path: Path) -> None:
    """By another process, signed in from the vault; a re-send joins it, and pays nothing."""
    never, content, queue = asyncio.Event(), message(str(tmp_path), stream=True), name()
    async with Canned.serve(first_held(*PIECES[:3], never)) as provider:
        killed = await stream_into_a_kill(parts, tmp_path, provider.url, content, task_queue=queue)
        async with running_proxy(parts, tmp_path, provider.url, task_queue=queue) as running:
            got = await send(running, content, SESSION)
            state = await ended(running, killed)
            vault = await running.process.stores.requests.read_credentials(killed)
    assert (got.content, got.headers[ID]) == (WHOLE, killed)
    assert state["outcome"] == "answered"
    assert [attempt["outcome"] for attempt in state["attempts"]] == ["unknown", "answered"]
    cut_off, whole = (attempt["usage"] for attempt in state["attempts"])
    assert (cut_off["estimated"], whole["estimated"]) == (True, False)
    assert cut_off["input_tokens"] > 0
    one, two = provider.requests
    assert one.body == two.body == content
    assert dict(two.headers)[b"x-api-key"] == HEADERS["x-api-key"].encode()
    assert sorted(one.headers) == sorted(two.headers)
    assert vault is None


async def test_with_another_key_it_ends_with_a_clear_error(parts: Parts, tmp_path: Path) -> None:
    never, queue = asyncio.Event(), name()
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    async with Canned.serve(first_held(*PIECES[:3], never)) as provider:
        killed = await stream_into_a_kill(
            parts, tmp_path, provider.url, message(str(tmp_path), stream=True), task_queue=queue
        )
        async with running_proxy(
            parts, tmp_path, provider.url, task_queue=queue, vault_key=other
        ) as running:
            state = await ended(running, killed)
    assert (state["outcome"], state["status"]) == ("failed", 500)
    assert "key has changed" in state["reason"]
    assert len(provider.requests) == 1


async def test_credentials_are_sealed_while_in_flight_and_gone_at_the_end(
    parts: Parts, tmp_path: Path
) -> None:
    more, secret = asyncio.Event(), f"sk-{secrets.token_hex(16)}"
    headers = {**HEADERS, "authorization": f"Bearer {secret}"}
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream(
            "POST", "/v1/messages", content=message(secret[3:9], stream=True), headers=headers
        ) as got,
    ):
        await anext(got.aiter_raw())
        kept = await running.process.stores.requests.read_credentials(got.headers[ID])
        assert kept
        assert secret.encode() not in kept.sealed
        opened = running.process.stores.vault.open(got.headers[ID], kept.sealed)
        assert dict(opened.headers)[b"authorization"] == f"Bearer {secret}".encode()
        everything = await dump(running.process.stores.database)
        assert got.headers[ID] in everything
        assert secret not in everything
        assert secret.encode().hex() not in everything
        more.set()
        await ended(running, got.headers[ID])
        assert await running.process.stores.requests.read_credentials(got.headers[ID]) is None
    assert (tmp_path / "vault.key").stat().st_mode & 0o777 == 0o600


async def dump(database: Database) -> str:
    """Every row of every table, as text."""
    rows: list[str] = []
    for table in await database.run(TABLES):
        found = await database.run(text(f'SELECT t::text AS row FROM "{table["name"]}" t'))
        rows.extend(row["row"] for row in found)
    return "\n".join(rows)


async def test_a_sealed_row_opens_for_its_own_request_only(tmp_path: Path) -> None:
    vault = Vault(vault_key(None, tmp_path))
    content = VaultContent(b"/v1/messages", ((b"x-api-key", b"sk"),))
    sealed = vault.seal("req_1", content)
    assert Vault(vault_key(None, tmp_path)).open("req_1", sealed) == content
    assert vault.seal("req_1", content) != sealed
    with pytest.raises(CredentialsLost):
        vault.open("req_2", sealed)
    with pytest.raises(CredentialsLost, match="damaged: it has 6 bytes"):
        vault.open("req_1", sealed[:6])


async def stray(store: RequestStore, data_dir: Path) -> str:
    """A request that was accepted by a process that died before it started the workflow."""
    request_id = name()
    headers: RawHeaders = tuple((k.encode(), v.encode()) for k, v in HEADERS.items())
    sealed = Vault(vault_key(None, data_dir)).seal(
        request_id, VaultContent(b"/v1/messages", headers)
    )
    await store.accept(accepted(request_id, request_id, sealed=sealed))
    return request_id


async def test_strays_get_a_workflow_or_an_end(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with running_proxy(parts, tmp_path, upstream.url) as running:
        database, store = running.process.stores.database, running.process.stores.requests
        lost = await stray(store, tmp_path)
        await database.run(AGE, {"id": lost})
        assert (await ended(running, lost))["outcome"] == "answered"
        assert len(upstream.log.messages) == 1
        # Its workflow ended, and nothing was written of it.
        await database.run(
            text("UPDATE requests SET state = 'forwarding', outcome = NULL WHERE id = :id"),
            {"id": lost},
        )
        await database.run(text("UPDATE requests SET owner = 'dead' WHERE id = :id"), {"id": lost})
        state = await ended(running, lost)
    assert (state["outcome"], state["status"]) == ("failed", 503)
    assert state["reason"]
    assert len(upstream.log.messages) == 1


async def test_a_terminated_workflow_ends_its_request(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """Between two attempts, when no call of ours is there to settle it."""
    upstream.faults.push(Fault("status", status=529, retry_after=60))
    async with (
        running_proxy(parts, tmp_path, upstream.url) as running,
        client_of(running) as client,
    ):
        content = message(str(tmp_path), stream=True)
        sending = asyncio.create_task(client.post("/v1/messages", content=content))
        request_id = await eventually(lambda: closed_attempt(running), bool)
        engine = await Client.connect(parts.temporal_address)
        await engine.get_workflow_handle(request_id).terminate()
        got = await sending
        state = await ended(running, request_id)
    assert got.status_code == 502
    assert is_error(got.content, "api_error")
    assert (state["outcome"], state["status"]) == ("cancelled", 503)
    assert "operator" in state["reason"]
    assert len(upstream.log.messages) == 1


async def closed_attempt(running: RunningProxy) -> str:
    """The id of the request whose first attempt is over."""
    for request_id in running.process.exchanges.ids():
        attempts = await running.process.stores.requests.read_attempts(request_id)
        if attempts and attempts[0].closed_at:
            return request_id
    return ""


async def test_a_living_owner_keeps_its_request(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """After three seconds without a heartbeat another process may carry it on; the old fence is
    worth nothing then."""
    async with running_proxy(parts, tmp_path, upstream.url) as running:
        database, store = running.process.stores.database, running.process.stores.requests
        request_id = name()
        await store.accept(accepted(request_id, request_id))
        began = time.monotonic()
        await Heartbeat(database, request_id).beat()
        first = await store.begin_attempt(request_id, request_id, SHOWN)
        assert first
        second = await eventually(
            lambda: store.begin_attempt(request_id, "successor", SHOWN), lambda lease: bool(lease)
        )
        assert time.monotonic() - began > 2.5
        assert second
        assert (second.number, second.fence) == (2, 2)
        assert not await running.process.stores.journal.append(request_id, first.fence, 0, b"late")
        assert not await store.settle(settled(request_id, first))
        assert await store.settle(settled(request_id, second))


async def test_an_end_without_a_database_waits_on_disk(parts: Parts, tmp_path: Path) -> None:
    """The client waits 5 s for it; then the file is committed by the loop."""
    more = asyncio.Event()
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=message(str(tmp_path), stream=True)) as got,
    ):
        chunks = got.aiter_raw()
        seen = await anext(chunks)
        async with locked(parts, "requests"):
            started = time.monotonic()
            more.set()
            seen += b"".join([chunk async for chunk in chunks])
            assert time.monotonic() - started > 4
            assert [end.outcome for end in Spill(tmp_path / "spill").read()] == ["answered"]
        state = await ended(running, got.headers[ID])
        assert state["outcome"] == "answered"
        assert (await running.process.stores.requests.read_answer(got.headers[ID])).content == WHOLE
        await eventually(lambda: spilled(tmp_path), lambda ends: not ends)
    assert seen == WHOLE
    assert len(provider.requests) == 1


async def spilled(data_dir: Path) -> list[str]:
    return [end.request_id for end in Spill(data_dir / "spill").read()]


async def test_ends_on_disk_are_committed_at_start(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    """An unreadable file among them keeps nobody from starting."""
    spill = Spill(tmp_path / "spill")
    async with running_proxy(parts, tmp_path, upstream.url) as running:
        request_id = name()
        await running.process.stores.requests.accept(accepted(request_id, request_id))
        lease = await running.process.stores.requests.begin_attempt(request_id, "dead", SHOWN)
        assert lease
    spill.write(settled(request_id, lease, response=b"said"))
    (tmp_path / "spill" / "req_a.end").write_bytes(b"\xc1")
    async with running_proxy(parts, tmp_path, upstream.url) as running:
        content = (await running.process.stores.requests.read_answer(request_id)).content
        assert content == b"said"
        assert await spilled(tmp_path) == []
    assert (tmp_path / "spill" / "req_a.unreadable").exists()
    assert len(upstream.log) == 0


async def test_every_call_has_its_row_before_its_first_byte(parts: Parts, tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []

    async def script(received: Received) -> AsyncIterator[bytes]:
        [request_id] = running.process.exchanges.ids()
        [row] = await running.process.stores.requests.read_attempts(request_id)
        seen.append((request_id, row.number))
        assert row.closed_at is None
        async for piece in held(*PIECES)(received):
            yield piece

    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=message(str(tmp_path), stream=True))
        assert got.content == WHOLE
        [attempt] = (await ended(running, got.headers[ID]))["attempts"]
    assert seen == [(got.headers[ID], 1)]
    assert attempt["usage"] == {
        "input_tokens": 11,
        "output_tokens": 7,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "input_total": 11,
        "estimated": False,
    }
    assert (attempt["outcome"], attempt["status"], attempt["bytes"]) == (
        "answered",
        200,
        len(WHOLE),
    )


async def test_rows_and_calls_are_equal_in_number(
    running: RunningProxy, upstream: Simulator
) -> None:
    upstream.faults.rate(
        0.5,
        Fault("status", status=529, retry_after=0),
        Fault("status", status=500, retry_after=0),
        Fault("reset"),
        Fault("error_event", after=1),
        Fault("cut", after=1, first_content=True),
        seed=4,
    )
    bodies = [message(f"count {number}", stream=number % 2 == 0) for number in range(16)]
    answers = await asyncio.gather(*(send(running, each, HEADERS) for each in bodies))
    states = [await ended(running, each.headers[ID]) for each in answers]
    rows = [attempt for state in states for attempt in state["attempts"]]
    assert len(rows) == len(upstream.log.messages) > len(bodies)
    assert all(row["closed_at"] and row["outcome"] != "unknown" for row in rows)
    by_status = sorted(row["status"] for row in rows if row["status"] in (500, 529))
    sent = sorted(call.status for call in upstream.log.messages if call.status in (500, 529))
    assert by_status == sent


async def test_a_running_answer_is_in_the_journal(parts: Parts, tmp_path: Path) -> None:
    more = asyncio.Event()
    part = b"".join(PIECES[:3])
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=message(str(tmp_path), stream=True)) as got,
    ):
        journal = running.process.stores.journal
        content = await eventually(lambda: journal.read_content(got.headers[ID]), bool)
        assert content == part
        more.set()
        assert await got.aread() == WHOLE
        # The end takes its place.
        assert await journal.read_content(got.headers[ID]) == b""
        signed = {"authorization": f"Bearer {running.token}"}
        again = await client.get(f"/v1/requests/{got.headers[ID]}/response", headers=signed)
        assert again.content == WHOLE


async def test_a_broken_answer_is_kept_with_estimated_usage(parts: Parts, tmp_path: Path) -> None:
    """The provider may have sent its end; what we did not receive does not count."""
    broken = asyncio.Event()
    content = message(str(tmp_path), stream=True)
    async with (
        Canned.serve(held(*PIECES[:-1], broken)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        broken.set()
        got = await client.post("/v1/messages", content=content)
        state = await ended(running, got.headers[ID])
        row = await running.process.stores.requests.read_request(got.headers[ID])
        assert state["outcome"] == "broken"
        assert row.usage_estimated
        assert (row.input_tokens, row.output_tokens) == (11, 7)
        kept = (await running.process.stores.requests.read_answer(got.headers[ID])).content
        assert kept == b"".join(PIECES[:-1])
        again = await client.post("/v1/messages", content=content)
        assert again.headers[ID] != got.headers[ID]
    assert len(provider.requests) == 2


async def test_an_abandoned_answer_is_settled_with_an_estimate(
    parts: Parts, tmp_path: Path
) -> None:
    never = asyncio.Event()
    async with (
        Canned.serve(held(*PIECES[:3], never)) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace=0) as running,
    ):
        request_id = await cut(running, message(str(tmp_path), stream=True))
        await asyncio.wait_for(provider.hung_up.wait(), 2)
        state = await ended(running, request_id)
        row = await running.process.stores.requests.read_request(request_id)
    assert state["outcome"] == "abandoned"
    assert [attempt["outcome"] for attempt in state["attempts"]] == ["abandoned"]
    assert row.usage_estimated
    assert (row.input_tokens, row.output_tokens) == (11, 1)
    [attempt] = state["attempts"]
    assert attempt["usage"]["estimated"]
    assert (attempt["usage"]["input_tokens"], attempt["usage"]["output_tokens"]) == (11, 1)
    assert state["tokens"]["estimated"]


async def test_a_client_that_comes_back_in_time_stops_the_clock(
    parts: Parts, tmp_path: Path
) -> None:
    """And has the whole grace again when it leaves once more."""
    more, content = asyncio.Event(), message(str(tmp_path), stream=True)
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace=3) as running,
    ):
        for _ in range(2):
            await cut(running, content)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(provider.hung_up.wait(), 0.7)
        leaving = time.monotonic()
        request_id = await cut(running, content)
        await provider.hung_up.wait()
        assert time.monotonic() - leaving > 2.9
        assert (await ended(running, request_id))["outcome"] == "abandoned"
    assert len(provider.requests) == 1


async def test_without_an_end_to_the_grace_it_runs_to_its_end(parts: Parts, tmp_path: Path) -> None:
    more, content = asyncio.Event(), message(str(tmp_path), stream=True)
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace="inf") as running,
    ):
        request_id = await cut(running, content)
        more.set()
        assert (await ended(running, request_id))["outcome"] == "answered"
