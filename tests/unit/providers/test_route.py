"""The way to a provider, through a real proxy and to a certificate of one's own."""

from pathlib import Path

import pytest

from palimpsest.providers.route import Route, is_direct
from palimpsest.providers.upstream import Upstream
from palimpsest.runtime.errors import StartupFailed, UpstreamUnreachable
from tests.support.certificates import own_certificate
from tests.support.forward_proxy import ForwardProxy
from tests.support.way_out import TARGET, ask, provider


async def test_a_tunnel_is_asked_for_the_host_and_the_provider_for_the_target(
    tmp_path: Path,
) -> None:
    certificates, tls = own_certificate(tmp_path)
    async with provider(tls) as (url, asked), ForwardProxy.serve() as proxy:
        route = Route({"https": proxy.url}, certificates=certificates)
        assert await ask(url, route) == b"{}"
    host = url.removeprefix("https://").removesuffix("/base").encode()
    assert proxy.heads[0].startswith(b"CONNECT %b HTTP/1.1\r\n" % host)
    assert b"x-api-key" not in proxy.heads[0]
    assert asked == [b"POST /base%b HTTP/1.1" % TARGET]


async def test_a_proxy_for_plain_http_is_given_the_whole_url() -> None:
    async with provider() as (url, asked), ForwardProxy.serve() as proxy:
        assert await ask(url, Route({"all": proxy.url})) == b"{}"
    assert proxy.heads[0].startswith(b"POST %b%b HTTP/1.1\r\n" % (url.encode(), TARGET))
    assert asked == [b"POST /base%b HTTP/1.1" % TARGET]


async def test_a_host_that_needs_no_proxy_is_asked_directly() -> None:
    async with provider() as (url, asked), ForwardProxy.serve() as proxy:
        assert await ask(url, Route({"http": proxy.url}, "10.0.0.0/8,127.0.0.0/8")) == b"{}"
    assert proxy.heads == []
    assert len(asked) == 1


async def test_a_certificate_that_nobody_named_is_not_trusted(tmp_path: Path) -> None:
    _, tls = own_certificate(tmp_path)
    async with provider(tls) as (url, _):
        with pytest.raises(UpstreamUnreachable, match="certificate"):
            await ask(url, Route())


async def test_what_is_no_certificate_ends_the_start(tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    with pytest.raises(StartupFailed, match="SSL_CERT_FILE"):
        Upstream("https://x", 5, 5, Route(certificates=tmp_path / "none.pem"))


@pytest.mark.parametrize(
    ("entries", "host", "port", "direct"),
    [
        ("", "a.example", 443, False),
        ("*", "a.example", 443, True),
        ("example", "a.example", 443, True),
        ("other, .example", "a.example", 443, True),
        ("*.example", "a.example", 443, True),
        ("xample", "a.example", 443, False),
        ("A.Example:443", "a.example", 443, True),
        ("a.example:80", "a.example", 443, False),
        ("[::1]", "::1", 443, True),
        ("::1", "::1", 443, True),
        ("[::1]:80", "::1", 443, False),
        ("fd00::/8", "fd00::5", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.0.0.0/8", "ten.example", 443, False),
        ("127.0.0.1:8000", "127.0.0.1", 8000, True),
        ("[", "a.example", 443, False),
    ],
)
def test_no_proxy_names_hosts(entries: str, host: str, port: int, direct: bool) -> None:
    assert is_direct(entries, host, port) is direct
