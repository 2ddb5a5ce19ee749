"""Programs and our own pages may ask, whatever our name; pages of others only where listed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.gateway.visitors import Visitors
from palimpsest.runtime.errors import Forbidden

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,8}){1,3}", fullmatch=True)


def check(hosts: str = "", origins: str = "", **headers: str | None) -> str | None:
    pairs = [
        (name.replace("_", "-").encode(), value.encode("latin-1"))
        for name, value in headers.items()
        if value is not None
    ]
    return Visitors(hosts, "127.0.0.1", origins).check(pairs)


@pytest.mark.parametrize(
    "host", [None, "localhost", "LocalHost:1", "127.0.0.1:8080", "192.168.1.4", "[::1]:80", "[::1]"]
)
def test_addresses_and_localhost_come_in(host: str | None) -> None:
    assert check(host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io", "localhost."),
        *("localhost:1@evil.example", "evil.example/localhost", "[evil.example]", "::1"),
    ],
)
def test_names_of_others_do_not(host: str) -> None:
    with pytest.raises(Forbidden):
        check(host=host)
    assert check("*", host=host) is None


def test_a_second_host_does_not_hide_behind_ours() -> None:
    headers = [(b"host", b"localhost"), (b"Host", b"evil.example")]
    with pytest.raises(Forbidden):
        Visitors("", "127.0.0.1").check(headers)


@given(NAMES)
def test_a_name_comes_in_only_when_it_is_listed(name: str) -> None:
    with pytest.raises(Forbidden):
        check(host=f"{name}:8080")
    assert check(f"other, {name.upper()}", host=f"{name}:8080") is None


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "null", "", "http://localhost:3000", "http://127.0.0.1"),
        *("http://localhost:8080.evil.example", "http://localhost:8080@evil.example", "file://"),
        *("https://localhost:8080/", "chrome-extension://abc", "http://127.0.0.1:8080"),
    ],
)
def test_a_page_of_another_origin_may_not_ask(origin: str) -> None:
    with pytest.raises(Forbidden):
        check(host="localhost:8080", origin=origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "", "new-word"])
def test_a_page_that_is_not_named_may_not_ask(site: str) -> None:
    with pytest.raises(Forbidden):
        check(host="localhost:8080", sec_fetch_site=site)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        *(("localhost:8080", "http://localhost:8080"), ("127.0.0.1", "http://127.0.0.1:80")),
        *(("[::1]:8080", "HTTP://[::1]:8080"), ("proxy.lan", "https://proxy.lan")),
    ],
)
@pytest.mark.parametrize("site", [None, "same-origin", "none"])
def test_our_own_page_may_ask(host: str, origin: str, site: str | None) -> None:
    assert check("proxy.lan", host=host, origin=origin, sec_fetch_site=site) is None


def test_a_name_that_is_let_in_with_all_others_is_no_origin_of_ours() -> None:
    with pytest.raises(Forbidden):
        check("*", host="evil.example:8080", origin="http://evil.example:8080")


def test_a_listed_page_may_ask_and_no_other() -> None:
    listed = "https://app.example, chrome-extension://abc"
    for origin in ("https://app.example", "chrome-extension://abc"):
        known = check(origins=listed, host="localhost", origin=origin, sec_fetch_site="cross-site")
        assert known == origin
    for origin in ("https://app.example:444", "http://app.example", "https://app.example.evil"):
        with pytest.raises(Forbidden):
            check(origins=listed, host="localhost", origin=origin)
    with pytest.raises(Forbidden):
        check(origins=listed, host="localhost", sec_fetch_site="cross-site")
    assert check(origins="*", host="localhost", origin="null") == "null"
