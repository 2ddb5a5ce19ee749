"""Only values of names that are known to be harmless are written down."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.providers.records import (
    is_harmless,
    recordable,
    recordable_answer,
    recordable_target,
)

SECRET = "hunter2hunter2"
CREDENTIALS = (
    *("authorization", "X-Api-Key", "api-key", "apikey", "Cookie", "set-cookie", "x-jwt"),
    *("x-goog-api-key", "x-auth-token", "proxy-authorization", "x-amz-security-token"),
    *("x-client-secret", "X-Password", "x-signature", "ocp-apim-subscription-key"),
    *("x-functions-key", "cf-access-client-id", "x-vault", "referer", "x-stainless-key"),
    *("anthropic-ratelimit-key", "x-palimpsest-key", "x-forwarded-client-cert", "location"),
)


@pytest.mark.parametrize("name", CREDENTIALS)
def test_of_other_headers_the_name_is_recorded(name: str) -> None:
    pairs = [(name.encode(), SECRET.encode()), (b"User-Agent", "é".encode("latin-1"))]
    assert msgspec.json.decode(recordable(pairs)) == [[name, "[redacted]"], ["User-Agent", "é"]]


@pytest.mark.parametrize(
    "name",
    [
        *("anthropic-ratelimit-input-tokens-remaining", "anthropic-version", "Content-Type"),
        *("x-stainless-retry-count", "x-ratelimit-reset-tokens", "x-claude-code-session-id"),
        *("anthropic-ratelimit-unified-5h-status", "x-palimpsest-memory", "request-id"),
        *("anthropic-ratelimit-unified-overage-disabled-reason", "x-ratelimit-limit-requests"),
    ],
)
def test_what_is_no_credential_is_kept(name: str) -> None:
    assert is_harmless(name.encode())


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        *(("1", True), ("12.5ms", True), ("HIT", True), ("2026-11-28T10:00:00Z", True)),
        *(("Sat, 28 Nov 2026 21:46:40 GMT", True), ("hunter2", False), ("4" * 13, False)),
        *(("correcthorsebattery", False), ("a=b", False), ("https://a/b", False), ("", False)),
    ],
)
def test_of_an_answer_what_can_be_no_key_is_kept(value: str, kept: bool) -> None:
    recorded = recordable_answer([(b"x-theirs", value.encode())])
    assert msgspec.json.decode(recorded) == [["x-theirs", value if kept else "[redacted]"]]
    assert "[redacted]" in recordable([(b"x-mine", value.encode())])


@pytest.mark.parametrize(
    ("query", "recorded"),
    [
        ("beta=true", "beta=true"),
        ("BETA=true&limit=20&after_id=msg_1", "BETA=true&limit=20&after_id=msg_1"),
        ("api-version=2024-10-21&code=S==", "api-version=2024-10-21&code=[redacted]"),
        ("beta=true&api_key=S&x=S", "beta=true&api_key=[redacted]&x=[redacted]"),
        ("%6bey=S", "%6bey=[redacted]"),
        ("%62eta=true", "%62eta=true"),
        ("beta=true;key=S;;a=S", "beta=true;key=[redacted];;a=[redacted]"),
        ("S", "[redacted]"),
        ("beta", "beta"),
        ("beta&S&", "beta&[redacted]&"),
        ("beta=true?key=S", "beta=[redacted]"),
        ("beta=true%26key%3DS", "beta=[redacted]"),
        ("beta=true#S", "beta=[redacted]"),
        ("sk-ant-S/S=", "[redacted]"),
        ("key%3DS", "[redacted]"),
        ("=S", "[redacted]"),
        ("", ""),
    ],
)
def test_of_other_parameters_the_name_is_recorded(query: str, recorded: str) -> None:
    target = f"/v1/messages?{query}".replace("S", SECRET).encode()
    assert recordable_target(target) == f"/v1/messages?{recorded}"
    matrix = recordable_target(b"/v1/messages;key=" + SECRET.encode())
    assert matrix == "/v1/messages;key=[redacted]"


@given(
    st.from_regex(r"[\x21-\x7e]{0,20}", fullmatch=True),
    st.sampled_from("&;"),
    st.text(st.sampled_from("abc%=+.-_6b"), min_size=1, max_size=8),
)
def test_a_value_never_gets_through(before: str, separator: str, name: str) -> None:
    target = f"/v1/messages?{before}{separator}x{name}={SECRET}".encode()
    assert SECRET not in recordable_target(target)
