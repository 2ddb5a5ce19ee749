"""A caller is told by its credential: what it is, and what the provider said of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.gateway.caller import (
    CredentialKind,
    caller_of,
    credential_of,
    organisation_in,
)
from palimpsest.gateway.model import LOCAL_USER

OAUTH = b"Bearer sk-ant-oat01-abc"


def caller(*headers: tuple[bytes, bytes], organisation: str | None = None) -> str:
    return caller_of(credential_of(headers), organisation)


def test_an_api_key_is_its_own_caller_whatever_header_it_comes_in() -> None:
    key = caller((b"X-Api-Key", b"sk-ant-api03-one"))
    assert key == caller((b"authorization", b"Bearer sk-ant-api03-one"))
    assert key != caller((b"x-api-key", b"sk-ant-api03-two"))
    assert key == caller((b"x-api-key", b"sk-ant-api03-one"), organisation="org")


def test_tokens_of_an_organisation_are_one_caller() -> None:
    one = caller((b"authorization", OAUTH), organisation="org-1")
    assert one == caller((b"Authorization", b"bearer sk-ant-oat01-other"), organisation="org-1")
    assert one != caller((b"authorization", OAUTH), organisation="org-2")


def test_a_token_without_an_organisation_is_the_local_user_s_or_its_own() -> None:
    assert caller((b"authorization", OAUTH)) == LOCAL_USER
    assert caller() == caller((b"x-api-key", b""), (b"authorization", b" ")) == LOCAL_USER
    assert caller((b"authorization", b"Bearer a")) != caller((b"authorization", b"Bearer b"))


@pytest.mark.parametrize("claim", [b"anthropic-organization-id", b"x-claude-code-session-id"])
def test_a_claim_of_the_client_changes_nothing(claim: bytes) -> None:
    key = (b"x-api-key", b"sk-ant-api03-one")
    assert caller(key) == caller(key, (claim, b"org-of-another"))


@pytest.mark.parametrize(
    "name", [b"api-key", b"ocp-apim-subscription-key", b"x-functions-key", b"x-jwt", b"Cookie"]
)
def test_a_credential_under_another_name_is_one_too(name: bytes) -> None:
    one, two = caller((name, b"one")), caller((name, b"two"))
    assert len({one, two, LOCAL_USER}) == 3
    assert caller((b"idempotency-key", b"one")) == LOCAL_USER


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_secret_is_in_a_caller(key: bytes, organisation: bytes) -> None:
    named = organisation_in(((b"Anthropic-Organization-Id", organisation),))
    name = caller((b"authorization", key), organisation=named)
    assert len(name) <= 40
    assert name.isascii()


def test_kinds_are_told_by_their_looks() -> None:
    for value, kind in (
        (OAUTH, CredentialKind.OAUTH),
        (b"Bearer sk-ant-api03-x", CredentialKind.API_KEY),
        (b"Basic abc", CredentialKind.TOKEN),
    ):
        found = credential_of(((b"authorization", value),))
        assert found
        assert found.kind is kind
