"""Who may come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.admission import Admission
from palimpsest.runtime.errors import Draining, Forbidden


def admission(hosts: str = "") -> Admission:
    return Admission(hosts, "127.0.0.1", "token", 1000)


def scope(host: str | None) -> dict[str, object]:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    return {"type": "http", "headers": headers}


@pytest.mark.parametrize(
    "host", [None, "localhost", "LocalHost:1", "127.0.0.1:8080", "192.168.1.4", "[::1]:80", "[::1]"]
)
def test_addresses_and_localhost_come_in(host: str | None) -> None:
    admission().check_host(scope(host))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "127.0.0.1.nip.io"])
def test_names_of_others_do_not(host: str) -> None:
    with pytest.raises(Forbidden):
        admission().check_host(scope(host))
    admission("*").check_host(scope(host))


@given(st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,8}){1,3}", fullmatch=True))
def test_a_name_comes_in_only_when_it_is_listed(name: str) -> None:
    with pytest.raises(Forbidden):
        admission().check_host(scope(f"{name}:8080"))
    admission(f"other, {name.upper()}").check_host(scope(f"{name}:8080"))


@given(st.text(max_size=30))
def test_only_the_token_opens(given_: str) -> None:
    value = f"Bearer {given_}".encode("utf-8", "replace")
    request = Request({"type": "http", "headers": [(b"authorization", value)]})
    if given_.strip() == "token":
        admission().check_token(request)
    else:
        with pytest.raises(Forbidden):
            admission().check_token(request)


def test_draining_lets_nobody_in() -> None:
    door = admission()
    door.check_open()
    door.draining = True
    with pytest.raises(Draining):
        door.check_open()
