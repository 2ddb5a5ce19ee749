"""The engine or the database away: a clear 503, a way back, and nothing that was said is lost."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client, WorkflowFailureError

from harness.simulator import Simulator
from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.runtime.errors import EngineUnavailable
from tests.support.canned_provider import Canned, Received, held
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import (
    ID,
    client_of,
    ended,
    eventually,
    is_error,
    message,
    newest,
    short_stream,
)
from tests.support.shared_servers import SharedTemporal
from tests.support.table_lock import locked
from tests.support.tcp_relay import Relay

STREAM = message(stream=True)
PIECES = short_stream()


@pytest.fixture(scope="module")
async def own_postgres(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[EmbeddedPostgres]:
    """A server that a test may stop."""
    async with EmbeddedPostgres.running(tmp_path_factory.mktemp("own-postgres")) as server:
        yield server


async def start_again(postgres: EmbeddedPostgres) -> None:
    await postgres.launch()
    await postgres.ready()


def refused(got: httpx.Response) -> None:
    assert got.status_code == 503
    assert is_error(got.content, "api_error")
    assert int(got.headers["retry-after"]) > 0
    assert ID in got.headers


async def parts_of(running: RunningProxy) -> dict[str, str]:
    async with client_of(running) as client:
        return (await client.get("/readyz")).json()["parts"]


async def test_temporal_away_is_503_and_the_row_ends(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with Relay.to(parts.temporal_address) as relay:
        behind = Parts(relay.address, parts.database_url)
        async with (
            running_proxy(behind, tmp_path, upstream.url, engine_timeout=1) as running,
            client_of(running) as client,
        ):
            assert (await client.post("/v1/messages", content=STREAM)).status_code == 200
            relay.cut()
            refused(await client.post("/v1/messages", content=STREAM))
            state = await ended(running, await newest(running))
            assert (state["outcome"], state["status"]) == ("failed", 503)
            assert "Temporal" in state["reason"]
            assert (await client.get("/readyz")).status_code == 503
            found = await parts_of(running)
            assert found["database"] == "ok"
            assert "Temporal" in found["engine"]
            assert len(upstream.log) == 1
            await relay.restore()
            await eventually(lambda: parts_of(running), lambda now: now["engine"] == "ok")
            assert (await client.post("/v1/messages", content=STREAM)).status_code == 200


async def test_temporal_away_in_mid_stream_is_not_noticed(parts: Parts, tmp_path: Path) -> None:
    pieces, more = short_stream(), asyncio.Event()
    async with (
        Canned.serve(held(*pieces[:3], more, *pieces[3:])) as provider,
        Relay.to(parts.temporal_address) as relay,
        running_proxy(Parts(relay.address, parts.database_url), tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=STREAM) as got,
    ):
        chunks = got.aiter_raw()
        seen = await anext(chunks)
        relay.cut()
        more.set()
        seen += b"".join([chunk async for chunk in chunks])
        assert seen == b"".join(pieces)
        assert (await ended(running, got.headers[ID]))["outcome"] == "answered"
        await relay.restore()
        engine = await Client.connect(parts.temporal_address)
        result = await engine.get_workflow_handle(got.headers[ID]).result()
        assert result["outcome"] == "answered"
    assert len(provider.requests) == 1


async def test_database_away_is_503_and_it_comes_back(
    temporal: SharedTemporal, own_postgres: EmbeddedPostgres, upstream: Simulator, tmp_path: Path
) -> None:
    behind = Parts(temporal.address, own_postgres.url)
    async with (
        running_proxy(behind, tmp_path, upstream.url, engine_timeout=2) as running,
        client_of(running) as client,
    ):
        assert (await client.post("/v1/messages", content=STREAM)).status_code == 200
        await own_postgres.stop()
        for _ in range(2):
            refused(await client.post("/v1/messages", content=STREAM))
        refused(await client.get("/v1/requests/req_x"))
        refused(await client.get("/v1/stats"))
        found = await parts_of(running)
        assert found["engine"] == "ok"
        assert "database" in found["database"]
        assert (await client.post("/v1/messages/count_tokens", content=b"{}")).status_code == 400
        assert (await client.get("/healthz")).status_code == 200
        await start_again(own_postgres)
        got = await client.post("/v1/messages", content=STREAM)
        assert got.status_code == 200
        assert (await ended(running, got.headers[ID]))["outcome"] == "answered"


async def test_a_call_that_began_is_not_cut_for_a_start_whose_answer_is_lost(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()
    script = held(*PIECES)

    async def telling(received: Received) -> AsyncIterator[bytes]:
        begun.set()
        async for piece in script(received):
            yield piece

    async with (
        Canned.serve(telling) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        start = running.process.starter.start

        async def lost(request_id: str, model: str) -> bool:
            await start(request_id, model)
            await begun.wait()
            raise EngineUnavailable("no answer in time")

        monkeypatch.setattr(running.process.starter, "start", lost)
        got = await client.post("/v1/messages", content=message(str(tmp_path), stream=True))
        state = await ended(running, got.headers[ID])
    assert (got.status_code, got.content) == (200, b"".join(PIECES))
    assert (state["outcome"], len(state["attempts"])) == ("answered", 1)
    assert len(provider.requests) == 1


async def test_a_start_that_is_taken_after_the_refusal_calls_nobody(
    parts: Parts, upstream: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        running_proxy(parts, tmp_path, upstream.url) as running,
        client_of(running) as client,
    ):
        start = running.process.starter.start

        async def late(_request_id: str, _model: str) -> bool:
            raise EngineUnavailable("no answer in time")

        monkeypatch.setattr(running.process.starter, "start", late)
        got = await client.post("/v1/messages", content=message(str(tmp_path), stream=True))
        refused(got)
        await start(got.headers[ID], "claude-sonnet-4-6")
        engine = await Client.connect(parts.temporal_address)
        with pytest.raises(WorkflowFailureError):
            await engine.get_workflow_handle(got.headers[ID]).result()
        assert (await ended(running, got.headers[ID]))["outcome"] == "failed"
    assert not len(upstream.log)


async def test_postgres_stopped_in_mid_stream_keeps_nothing_from_the_client(
    temporal: SharedTemporal, own_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    pieces, more = short_stream(), asyncio.Event()
    behind = Parts(temporal.address, own_postgres.url)
    async with (
        Canned.serve(held(*pieces[:3], more, *pieces[3:])) as provider,
        running_proxy(behind, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        async with client.stream("POST", "/v1/messages", content=STREAM) as got:
            chunks = got.aiter_raw()
            seen = await anext(chunks)
            await own_postgres.stop()
            more.set()
            seen += b"".join([chunk async for chunk in chunks])
        assert seen == b"".join(pieces)
        await start_again(own_postgres)
        state = await ended(running, got.headers[ID])
        assert (state["outcome"], state["tokens"]["output"]) == ("answered", 7)
        content = (await running.process.stores.requests.read_answer(got.headers[ID])).content
        assert content == b"".join(pieces)
        await running.process.exchanges.wait_until_empty()
    assert len(provider.requests) == 1


async def test_a_database_that_hangs_is_503_in_time(
    parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    async with (
        running_proxy(parts, tmp_path, upstream.url, engine_timeout=0.3) as running,
        client_of(running) as client,
    ):
        async with locked(parts, "requests"):
            refused(await client.post("/v1/messages", content=STREAM))
        assert (await client.post("/v1/messages", content=STREAM)).status_code == 200
    assert len(upstream.log) == 1


async def test_draining_lets_nobody_new_in(running: RunningProxy) -> None:
    running.admission.draining = True
    async with client_of(running) as client:
        refused(await client.post("/v1/messages", content=STREAM))
        assert (await parts_of(running))["admission"] == "draining"
