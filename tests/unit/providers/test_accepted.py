"""What a client's `accept-encoding` says of an answer's encoding."""

import pytest

from palimpsest.providers.accepted import is_accepted


@pytest.mark.parametrize(
    ("accepts", "encoding", "accepted"),
    [
        (None, "gzip", False),
        (None, "", True),
        (None, "identity", True),
        ("", "gzip", False),
        ("identity", "gzip", False),
        ("gzip", "gzip", True),
        ("GZIP;q=0.5 , br", "gzip", True),
        ("gzip", "x-gzip", True),
        ("br, gzip;q=0", "gzip", False),
        ("br, gzip; q=0.000", "gzip", False),
        ("gzip;q=0.001", "gzip", True),
        ("*", "zstd", True),
        ("*;q=0", "zstd", False),
        ("*, zstd;q=0", "zstd", False),
        ("gzip", "gzip, br", False),
        ("br, gzip", "gzip, br", True),
        ("gzip;q=", "gzip", True),
    ],
)
def test_accepted(accepts: str | None, encoding: str, accepted: bool) -> None:
    headers = ((b"accept", b"*/*"), *(((b"Accept-Encoding", accepts.encode()),) if accepts else ()))
    assert is_accepted(headers, encoding) is accepted


def test_several_lines_are_one_list() -> None:
    headers = ((b"accept-encoding", b"gzip"), (b"accept-encoding", b"br"))
    assert is_accepted(headers, "gzip, br")
