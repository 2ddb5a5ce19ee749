"""With a company's proxy in the environment it starts, and reaches servers of its own by the
settings: those on this machine directly, others through the proxy."""

from pathlib import Path

import httpx
import pytest

from palimpsest.memory.openai_embedder import OpenAIEmbedder
from palimpsest.providers.route import Route, route_of
from palimpsest.runtime.errors import EmbedderUnavailable, IndexUnavailable
from palimpsest.runtime.settings import Settings
from palimpsest.store.vectors.qdrant import QdrantIndex, client_of
from tests.support.proxy import Parts, running_proxy
from tests.support.socks_proxy import SocksProxy
from tests.support.way_out import provider

AWAY = b"503 Service Unavailable"
NOWHERE = "servers.invalid"


async def ask_both(url: str, route: Route) -> None:
    """That they asked is all that counts: the server has nothing for them."""
    index = QdrantIndex(client_of(url, route.options(url)), "test", 8)
    with pytest.raises(IndexUnavailable):
        await index.cursor()
    await index.close()
    embedder = OpenAIEmbedder.create("some@8", url, None, route)
    with pytest.raises(EmbedderUnavailable):
        await embedder.embed(["text"])
    await embedder.close()


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_what_runs_here_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, scheme: str, host: str
) -> None:
    async with (
        provider(status=AWAY) as (url, asked),
        SocksProxy({host: "127.0.0.1"}).serve() as proxy,
    ):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"{scheme}://{proxy.address}")
        here = url.replace("127.0.0.1", host).removesuffix("/base")
        await ask_both(here, route_of(Settings.load()))
    assert len(asked) == 2
    assert proxy.asked == []


async def test_what_runs_elsewhere_is_asked_through_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        provider(status=AWAY) as (url, asked),
        SocksProxy({NOWHERE: "127.0.0.1"}).serve() as proxy,
    ):
        monkeypatch.setenv("ALL_PROXY", f"socks5h://{proxy.address}")
        there = url.replace("127.0.0.1", NOWHERE).removesuffix("/base")
        await ask_both(there, route_of(Settings.load()))
        monkeypatch.setenv("NO_PROXY", NOWHERE)
        await ask_both(there, route_of(Settings.load()))
    assert len(asked) == 2
    assert proxy.asked == [there.removeprefix("http://")] * 2


@pytest.mark.parametrize("no_proxy", ["", "[::1],10.0.0.0/8"])
async def test_it_starts_behind_a_proxy(
    parts: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str
) -> None:
    """Values that httpx reads by itself would end in a traceback."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "socks5h://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    servers = {"qdrant_url": "http://127.0.0.1:9", "embedder": "openai:some@8"}
    async with (
        running_proxy(parts, tmp_path, "https://provider.invalid", **servers) as running,
        httpx.AsyncClient(trust_env=False) as client,
    ):
        assert (await client.get(f"{running.url}/healthz")).status_code == 200
