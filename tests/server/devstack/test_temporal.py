"""The embedded Temporal servers: histories outlive them, whatever ends them."""

import asyncio
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from palimpsest.devstack.postgres import EmbeddedPostgres
from palimpsest.devstack.temporal_binary import (
    SERVER,
    SQL_TOOL,
    UI,
    cache_dir,
)
from palimpsest.devstack.temporal_dev import TemporalDev
from palimpsest.devstack.temporal_server import TemporalServer
from palimpsest.devstack.temporal_ui import TemporalUi
from tests.support.requests import eventually
from tests.support.supervisor import traces

RUNNING = WorkflowExecutionStatus.RUNNING
Server = TemporalDev | TemporalServer


async def _start_workflow(server: Server) -> None:
    client = await Client.connect(server.address)
    await client.start_workflow("Anything", id="kept", task_queue="nobody")


async def _knows_workflow(server: Server) -> bool:
    client = await Client.connect(server.address)
    description = await client.get_workflow_handle("kept").describe()
    return description.workflow_type == "Anything"


async def test_a_history_outlives_kill_9_on_the_same_ports(tmp_path: Path):
    async with TemporalDev.running(tmp_path) as server:
        ports = dict(server.ports)
        await _start_workflow(server)
        server.child.mark.kill()
        await server.child.wait()
        await server.launch()
        await server.ready()
        assert await _knows_workflow(server)
        assert server.ports == ports
    assert traces(tmp_path) == []


async def test_the_ui_is_served(tmp_path: Path):
    async with TemporalDev.running(tmp_path) as server, httpx.AsyncClient() as client:
        page = await client.get(server.ui_url, follow_redirects=True)
        assert "<html" in page.text


async def test_no_web_page_reaches_the_engine(tmp_path: Path):
    async with TemporalDev.running(tmp_path) as server, httpx.AsyncClient() as client:
        await _start_workflow(server)
        for port in (server.ports["http"], server.ports["ui"]):
            url = f"http://127.0.0.1:{port}/"
            for page in PAGES if port == server.ports["ui"] else ({}, *PAGES):
                for method, path in ACTIONS:
                    got = await client.request(method, url + path, headers=page, content="{}")
                    assert got.status_code in (403, 404), (method, path, page, got.text)
                    assert "access-control-allow-origin" not in got.headers
        assert await _is_running(server)
        # Its server dials the engine anew a second after it found none yet.
        ours = f"{server.ui_url}/api/v1/namespaces/default/workflows/kept"
        await eventually(lambda: client.get(ours), lambda got: got.status_code == 200)


PAGES: tuple[dict[str, str], ...] = (
    {"host": "evil.example"},
    {"origin": "http://evil.example", "content-type": "text/plain"},
    {"origin": "null", "authorization": "x"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
)
ACTIONS = (
    ("GET", "api/v1/namespaces/default/workflows"),
    ("POST", "api/v1/namespaces/default/workflows/kept/terminate"),
    ("POST", "api/v1/namespaces/default/workflows/new"),
    ("POST", "api/v1/namespaces/default/update"),
    ("GET", "namespaces/default/workflows"),
    ("POST", "namespaces/default/workflows/kept/terminate"),
    ("POST", "namespaces/default/update"),
    ("POST", "namespaces/default/task-queues/nobody/nexus-services/a/b"),
)


async def _is_running(server: Server) -> bool:
    client = await Client.connect(server.address)
    return (await client.get_workflow_handle("kept").describe()).status == RUNNING


async def test_another_namespace_is_there_from_the_start(tmp_path: Path):
    server = TemporalDev(tmp_path, namespace="mine")
    try:
        await server.launch()
        await server.ready()
        client = await Client.connect(server.address, namespace="mine")
        assert (await client.count_workflows()).count == 0
    finally:
        await server.stop()


async def test_two_side_by_side_share_no_port(tmp_path: Path):
    async with (
        TemporalDev.running(tmp_path / "one") as one,
        TemporalDev.running(tmp_path / "two") as two,
    ):
        assert not set(one.ports.values()) & set(two.ports.values())


@pytest.mark.skipif(
    not all((cache_dir() / program.file).exists() for program in (SERVER, SQL_TOOL, UI)),
    reason="the real server is not built here: PALIMPSEST_TEMPORAL_SERVER=postgres builds it",
)
async def test_the_real_server_on_postgres(tmp_path: Path):
    async with (
        EmbeddedPostgres.running(tmp_path) as postgres,
        TemporalServer.running(tmp_path, postgres) as server,
    ):
        await _start_workflow(server)
        server.child.mark.kill()
        await server.child.wait()
        await server.launch()
        await server.ready()
        assert await _knows_workflow(server)
        assert "kept" in await _listed_in_ui(tmp_path, server.address)
    assert traces(tmp_path) == []


async def _listed_in_ui(data_dir: Path, address: str) -> str:
    """What the UI lists, once it lists anything: visibility is written a moment later."""
    ui = TemporalUi(data_dir, address)
    try:
        await ui.launch()
        await ui.ready()
        async with httpx.AsyncClient(base_url=ui.ui_url) as client, asyncio.timeout(20):
            while True:
                listed = await client.get("/api/v1/namespaces/default/workflows")
                if '"executions": []' not in listed.text:
                    return listed.text
                await asyncio.sleep(0.05)
    finally:
        await ui.stop()
