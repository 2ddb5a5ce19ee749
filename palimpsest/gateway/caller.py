"""Whose a request is, told by its credential and never by what a client merely claims.

An API key is its own caller. OAuth tokens rotate, and what stays is the organisation that the
provider names in its answers. Who brings neither is the local user.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from blake3 import blake3

from palimpsest.gateway.model import LOCAL_USER

ORGANISATION_HEADER = b"anthropic-organization-id"

_DIGEST_BYTES = 16
_CREDENTIAL = re.compile(
    rb"auth|key|token|secret|jwt|cookie|credential|password|passwd|subscription|signature",
    re.IGNORECASE,
)
_NO_CREDENTIALS = frozenset((b"idempotency-key", b"sec-websocket-key", b"proxy-authorization"))
_MOST_ORGANISATION = 256
_BEARER = b"bearer "
_API_TOKEN = b"sk-ant-api"
_OAUTH_TOKEN = b"sk-ant-oat"


class CredentialKind(StrEnum):
    """What a credential is, as far as its looks tell."""

    API_KEY = "api_key"
    OAUTH = "oauth"
    """It rotates, and is nobody's until the provider has named its organisation."""
    TOKEN = "token"
    """A bearer token or the like of whatever issuer: it may rotate, or stay."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential without its secret: ``digest`` is 16 bytes of BLAKE3 over it."""

    kind: CredentialKind
    digest: bytes


def credential_of(headers: Iterable[tuple[bytes, bytes]]) -> Credential | None:
    """The credential that a request came with; None where it brought none."""
    pairs = [(name.lower(), value.strip()) for name, value in headers]
    values = dict(pairs)
    key, given = values.get(b"x-api-key"), values.get(b"authorization")
    if key:
        return Credential(CredentialKind.API_KEY, _digest("credential", key))
    if not given:
        others = b"\0".join(sorted(value for _, value in credentials_in(pairs) if value))
        return Credential(CredentialKind.TOKEN, _digest("credential", others)) if others else None
    token = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else given
    kind = CredentialKind.TOKEN
    if token.startswith(_API_TOKEN):
        kind = CredentialKind.API_KEY
    elif token.startswith(_OAUTH_TOKEN):
        kind = CredentialKind.OAUTH
    return Credential(kind, _digest("credential", token))


def credentials_in(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers that look like credentials, whatever gateway thought of their name, sorted; the
    client's own key for a request is none."""
    return sorted(
        (name.lower(), value)
        for name, value in headers
        if _CREDENTIAL.search(name) and name.lower() not in _NO_CREDENTIALS
    )


def caller_of(credential: Credential | None, organisation: str | None = None) -> str:
    """The caller, of at most 40 letters and digits: the key's, else the organisation's that the
    provider named for the token, else the token's own, or the local user."""
    if credential is None:
        return LOCAL_USER
    own = f"key-{credential.digest.hex()}"
    if credential.kind is CredentialKind.API_KEY:
        return own
    if organisation:
        return f"org-{_digest('organisation', organisation.encode()).hex()}"
    return LOCAL_USER if credential.kind is CredentialKind.OAUTH else own


def organisation_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The organisation that the provider names in the headers of an answer."""
    for name, value in headers:
        if name.lower() == ORGANISATION_HEADER and value.strip():
            return value.strip()[:_MOST_ORGANISATION].decode("latin-1")
    return None


def _digest(what: str, content: bytes) -> bytes:
    return blake3(f"palimpsest {what} 1\0".encode() + content).digest(_DIGEST_BYTES)
