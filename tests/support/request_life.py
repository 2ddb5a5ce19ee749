"""Values of a request's life, for tests that write them by hand."""

import secrets
from typing import Any

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.idempotency import identify
from palimpsest.exchanges.model import AcceptedRequest, Outcome
from palimpsest.forwarding.model import TIMES, USAGE, AttemptEnd, Lease, Settlement
from tests.support.requests import message

HEADERS = ((b"x-api-key", b"sk-test"), (b"x-claude-code-session-id", b"s"))
SHOWN: dict[str, Any] = {"origin": b""} | dict.fromkeys(
    (
        "conversation_id",
        "turn",
        "accept_ms",
        "query_ms",
        "rewrite_ms",
        "context_mode",
        "applied_epoch",
        "observed_epoch",
        "original_tokens",
        "context_tokens",
    )
)


def name() -> str:
    return f"req_{secrets.token_hex(13)}"


def accepted(request_id: str, text: str, *, edge: str = "edge", **changes: Any) -> AcceptedRequest:
    """A request whose body is ``text``; the same text makes the same claim."""
    body = message(text)
    fields: dict[str, Any] = {
        "id": request_id,
        "tenant": "default",
        "target": "/v1/messages",
        "headers": "[]",
        "view": parse(body),
        "edge": edge,
        "sealed": b"sealed with a key that nobody has any more",
        "identity": identify(b"/v1/messages", HEADERS, body),
        **changes,
    }
    return AcceptedRequest(**fields)


def settled(
    request_id: str, lease: Lease, outcome: Outcome = Outcome.ANSWERED, **changes: Any
) -> Settlement:
    """The end of a request that was answered `{}`."""
    fields: dict[str, Any] = {
        "request_id": request_id,
        "tenant": "default",
        "attempt": AttemptEnd(lease, outcome, 200, 2),
        "outcome": outcome,
        "reason": None,
        "response_headers": "[]",
        "response": b"{}",
        "stop_reason": "end_turn",
        "usage": {**dict.fromkeys(USAGE, 3)},
        "usage_estimated": False,
        "times": dict.fromkeys(TIMES),
        "counted_tokens": 3,
        "conversation_id": None,
        "turn": None,
        "chain": None,
        "depth": 1,
        "journalled": True,
        **changes,
    }
    return Settlement(**fields)
