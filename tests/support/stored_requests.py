"""Requests for the store, without a proxy."""

import uuid
from typing import Any

from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.exchanges.idempotency import identify
from palimpsest.exchanges.model import AcceptedRequest, Outcome
from palimpsest.forwarding.model import TIMES, AttemptEnd, Lease, Settlement
from palimpsest.store.postgres.requests import RequestStore
from tests.support.request_life import SHOWN

TENANT = "default"
NO_USAGE: dict[str, int | None] = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "input_total": 10,
}


def new_id() -> str:
    return f"req_{uuid.uuid4().hex[:26]}"


async def accept(store: RequestStore, body: bytes) -> str:
    """A request's id once it is committed."""
    request_id = new_id()
    target = "/v1/messages"
    identity = identify(target.encode(), (), body)
    await store.accept(
        AcceptedRequest(
            request_id, TENANT, target, "[]", parse(body), "test", b"", identity, claims=False
        )
    )
    return request_id


async def settle(
    store: RequestStore, request_id: str, body: bytes, response: bytes, **changes: Any
) -> None:
    """End it answered, in a conversation named after it."""
    lease = await begin(store, request_id)
    assert lease is not None
    await store.settle(settlement(request_id, lease, body, response, **changes))


async def begin(store: RequestStore, request_id: str, owner: str = "test") -> Lease | None:
    """An attempt of a process that sends no sign of life."""
    return await store.begin_attempt(request_id, owner, SHOWN)


def settlement(
    request_id: str, lease: Lease, body: bytes, response: bytes, **changes: Any
) -> Settlement:
    """An end in which all went well."""
    view = parse(body)
    fields: dict[str, Any] = {
        "request_id": request_id,
        "tenant": TENANT,
        "attempt": AttemptEnd(lease, Outcome.ANSWERED, 200, len(response)),
        "outcome": "answered",
        "reason": None,
        "response_headers": "[]",
        "response": response,
        "stop_reason": "end_turn",
        "usage": NO_USAGE,
        "usage_estimated": False,
        "times": dict.fromkeys(TIMES, 1.0),
        "counted_tokens": 8,
        "conversation_id": "conv_" + request_id,
        "turn": 1,
        "chain": chain(root(TENANT), view.messages, DIALECT)[-1],
        "depth": len(view.messages),
    }
    return Settlement(**{**fields, **changes})
