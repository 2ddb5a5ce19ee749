"""Who may come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from api.admission import Admission
from api.waiting_room import WaitingRoom
from palimpsest.gateway.visitors import Visitors
from palimpsest.runtime.errors import Draining, Forbidden


def admission(token: str = "token") -> Admission:
    return Admission(Visitors("", "127.0.0.1"), token, 1000, WaitingRoom(1, 0))


@given(st.text(max_size=30))
def test_only_the_token_opens(given_: str) -> None:
    value = f"Bearer {given_}".encode("utf-8", "replace")
    request = Request({"type": "http", "headers": [(b"authorization", value)]})
    if given_.strip() == "token":
        admission().check_token(request)
    else:
        with pytest.raises(Forbidden):
            admission().check_token(request)


@pytest.mark.parametrize("token", ["", " ", "\n"])
@pytest.mark.parametrize(
    "value", [None, b"", b"Bearer", b"Bearer ", b"Bearer  ", b"bearer \n", b" ", b"Basic ", b"\xff"]
)
def test_an_empty_token_opens_nothing(token: str, value: bytes | None) -> None:
    headers = [] if value is None else [(b"authorization", value)]
    with pytest.raises(Forbidden):
        admission(token).check_token(Request({"type": "http", "headers": headers}))


@pytest.mark.parametrize("value", [b"token", b"Basic token", b"Bearertoken", b"Bearer tok\xe9n"])
def test_the_token_opens_only_as_a_bearer(value: bytes) -> None:
    request = Request({"type": "http", "headers": [(b"authorization", value)]})
    with pytest.raises(Forbidden):
        admission().check_token(request)


def test_draining_lets_nobody_in() -> None:
    door = admission()
    door.check_open()
    door.draining = True
    with pytest.raises(Draining):
        door.check_open()
