"""Which headers travel, and which are never written down."""

import msgspec
import pytest

from palimpsest.providers.headers import (
    end_to_end,
    is_secret,
    recordable,
    recordable_target,
    value_of,
)


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


SECRETS = (
    *("authorization", "X-Api-Key", "api-key", "apikey", "Cookie", "set-cookie"),
    *("x-goog-api-key", "x-auth-token", "proxy-authorization", "x-amz-security-token"),
    *("x-client-secret", "X-Password", "x-signature"),
)


@pytest.mark.parametrize("name", SECRETS)
def test_credentials_are_not_recorded(name: str) -> None:
    assert is_secret(name.encode())
    written = recordable([(name.encode(), b"hunter2"), (b"x-kept", "é".encode("latin-1"))])
    assert "hunter2" not in written
    assert msgspec.json.decode(written) == [[name, "[redacted]"], ["x-kept", "é"]]


@pytest.mark.parametrize(
    "name",
    ["anthropic-ratelimit-input-tokens-remaining", "anthropic-version", "x-stainless-retry-count"],
)
def test_what_is_no_credential_is_kept(name: str) -> None:
    assert not is_secret(name.encode())


def test_secrets_in_the_query_are_not_recorded() -> None:
    shown = recordable_target(b"/v1/messages?beta=true&api_key=hunter2&x=1&access_token=hunter2")
    assert shown == "/v1/messages?beta=true&api_key=[redacted]&x=1&access_token=[redacted]"


def test_the_first_value_of_any_spelling() -> None:
    headers = [(b"Content-Type", b"a"), (b"content-type", b"b")]
    assert value_of(headers, b"content-type") == "a"
    assert value_of(headers, b"accept") is None
