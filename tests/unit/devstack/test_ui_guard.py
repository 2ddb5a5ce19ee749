"""What reaches Temporal's UI: one request a connection, of a program or of the UI's own page."""

import pytest

from palimpsest.devstack.ui_guard import admit
from palimpsest.gateway.visitors import Visitors
from palimpsest.runtime.errors import Forbidden

OURS = Visitors("", "127.0.0.1")


def head(*lines: str) -> bytes:
    return "\r\n".join(("POST /api/v1/x?a=b HTTP/1.1", *lines, "", "")).encode()


def test_a_request_of_ours_goes_on_as_the_last_of_its_connection() -> None:
    given = head("Host: 127.0.0.1:8", "Connection: keep-alive", "X-A: b", "Content-Length: 3")
    assert admit(given, OURS).split(b"\r\n") == [
        b"POST /api/v1/x?a=b HTTP/1.1",
        b"host: 127.0.0.1:8",
        b"x-a: b",
        b"content-length: 3",
        b"connection: close",
        b"",
        b"",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("Host: evil.example",),
        ("Host: localhost", "Host: evil.example"),
        ("Host: localhost", "Origin: https://evil.example"),
        ("Host: localhost", "Sec-Fetch-Site: cross-site"),
        ("Accept: */*",),
        ("Host: localhost", "no colon"),
    ],
)
def test_others_do_not_get_through(lines: tuple[str, ...]) -> None:
    with pytest.raises(Forbidden):
        admit(head(*lines), OURS)


def test_what_is_no_http_does_not_get_through() -> None:
    with pytest.raises(Forbidden):
        admit(b"\x16\x03\x01\r\n\r\n", OURS)
