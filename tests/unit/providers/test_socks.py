"""The way to a provider through a SOCKS proxy: who resolves, who signs in, what is never said."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from palimpsest.providers.route import Route
from palimpsest.runtime.errors import UpstreamTimeout, UpstreamUnreachable
from tests.support.certificates import own_certificate
from tests.support.socks_proxy import SocksProxy
from tests.support.way_out import TARGET, ask, provider

NOWHERE = "provider.invalid"
SECRET = "w0rd:of@theirs/"
QUOTED = "w0rd%3Aof%40theirs%2F"
TRIED = """
import asyncio, structlog, sys
from palimpsest.providers.route import Route
from palimpsest.runtime.errors import UpstreamUnreachable
from palimpsest.runtime.logging import configure
from tests.support.way_out import ask

configure("json", "debug")
log = structlog.stdlib.get_logger()
log.debug("it is written down")
try:
    asyncio.run(ask(sys.argv[1], Route({"all": sys.argv[2]})))
except UpstreamUnreachable:
    log.exception("failed")
"""


@pytest.fixture(params=["socks5", "socks5h"])
def scheme(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_a_name_is_resolved_by_the_proxy(scheme: str) -> None:
    """With either scheme: a name that only the company's network knows is reached."""
    with pytest.raises(socket.gaierror):
        await asyncio.get_running_loop().getaddrinfo(NOWHERE, 80)
    async with provider() as (url, asked), SocksProxy({NOWHERE: "127.0.0.1"}).serve() as proxy:
        named = url.replace("127.0.0.1", NOWHERE)
        assert await ask(named, Route({"all": f"{scheme}://{proxy.address}"})) == b"{}"
    assert proxy.asked == [named.removeprefix("http://").removesuffix("/base")]
    assert asked == [b"POST /base%b HTTP/1.1" % TARGET]


async def test_an_address_is_reached_in_tls(scheme: str, tmp_path: Path) -> None:
    certificates, tls = own_certificate(tmp_path)
    async with provider(tls) as (url, asked), SocksProxy().serve() as proxy:
        route = Route({"https": f"{scheme}://{proxy.address}"}, certificates=certificates)
        assert await ask(url, route) == b"{}"
    assert proxy.asked == [url.removeprefix("https://").removesuffix("/base")]
    assert asked == [b"POST /base%b HTTP/1.1" % TARGET]


async def test_name_and_password_of_the_url_open_the_proxy(scheme: str) -> None:
    async with provider() as (url, _), SocksProxy(login=("me", SECRET)).serve() as proxy:
        route = Route({"all": f"{scheme}://me:{QUOTED}@{proxy.address}"})
        assert await ask(url, route) == b"{}"


@pytest.mark.parametrize("login", ["", f"me:{QUOTED}@", f"you:{QUOTED}x@"])
async def test_a_refused_login_is_an_unreachable_provider_and_no_secret_is_told(login: str) -> None:
    """At the most talkative level too."""
    async with provider() as (url, asked), SocksProxy(login=("you", SECRET)).serve() as proxy:
        address = f"socks5h://{login}{proxy.address}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", TRIED, url, address), stderr=subprocess.PIPE
        )
        _, told = await process.communicate()
    assert b"it is written down" in told
    assert b"UpstreamUnreachable" in told
    assert b"w0rd" not in told
    assert "w0rd" not in repr(Route({"all": address}))
    assert asked == []


async def test_what_the_proxy_cannot_reach_is_unreachable() -> None:
    async with SocksProxy().serve() as proxy:
        route = Route({"all": f"socks5h://{proxy.address}"})
        for url, why in (
            (f"http://{NOWHERE}", "Host unreachable"),
            ("http://127.0.0.1:1", "efused"),
        ):
            with pytest.raises(UpstreamUnreachable, match=why):
                await ask(url, route)


@pytest.mark.parametrize(
    "reply",
    [b"", b"\x05", b"\x05\x07", b"\x04\x00", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\x00\x05"],
)
async def test_what_speaks_no_socks_is_an_unreachable_provider(reply: bytes) -> None:
    async with talker(reply) as address:
        with pytest.raises(UpstreamUnreachable):
            await ask("http://127.0.0.1:1", Route({"all": f"socks5h://{address}"}))


async def test_a_proxy_that_says_nothing_is_not_waited_for() -> None:
    async with talker(None) as address:
        with pytest.raises(UpstreamTimeout):
            await ask("http://127.0.0.1:1", Route({"all": f"socks5h://{address}"}), 0.2)


@asynccontextmanager
async def talker(reply: bytes | None) -> AsyncGenerator[str]:
    """Says one thing whatever it is told, and hangs up; nothing at all for None."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 if reply is not None else -1)
        writer.write(reply or b"")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
