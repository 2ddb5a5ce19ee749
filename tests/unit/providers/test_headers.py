"""Which headers travel."""

from palimpsest.providers.headers import end_to_end, value_of


def test_hop_by_hop_stays_behind() -> None:
    headers = [
        (b"Connection", b"close, X-Named"),
        (b"X-Named", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"TE", b"trailers"),
        (b"Set-Cookie", b"a"),
        (b"set-cookie", b"b"),
    ]
    assert end_to_end(headers) == ((b"Set-Cookie", b"a"), (b"set-cookie", b"b"))


def test_the_first_value_of_any_spelling() -> None:
    headers = [(b"Content-Type", b"a"), (b"content-type", b"b")]
    assert value_of(headers, b"content-type") == "a"
    assert value_of(headers, b"accept") is None
