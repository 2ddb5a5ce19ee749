"""Lineages of conversations on record, as they were before conversations had origins."""

from collections.abc import Sequence

from palimpsest.conversations.lineage import trace
from palimpsest.conversations.model import Lineage
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.gateway.model import EVERYONE, TENANT
from palimpsest.providers.headers import RawHeaders


def lineage_of(history: Sequence[bytes]) -> Lineage:
    """That of a history of which the model has said the first message."""
    return Lineage(tuple(history), EVERYONE, line=b"", named=False, fresh=b"", spoken=1)


def traced(
    body: bytes, headers: RawHeaders = (), caller: str = EVERYONE, request_id: str = "req_1"
) -> Lineage:
    """That of a request with this body."""
    return trace(TENANT, caller, parse(body), headers, request_id)
