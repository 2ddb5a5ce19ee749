"""A conversation in the database, as the proxy leaves it."""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from harness.simulator.ask import BASH
from palimpsest.conversations.lineage import lineage
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.idempotency import identify
from palimpsest.exchanges.model import AcceptedRequest
from palimpsest.learning.model import Segment
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.requests import RequestStore
from tests.support.agent_work import ROOT
from tests.support.messages import Message
from tests.support.stored_requests import TENANT, new_id, settle

SESSION = secrets.token_bytes(32)


@dataclass(frozen=True)
class Talk:
    """The body of a request, and who sent it."""

    body: bytes
    agent: bool = False


def talk(
    messages: list[Message], *, project: str = ROOT, agent: bool = False, **fields: Any
) -> Talk:
    given: dict[str, Any] = {
        "model": "claude-opus-4-5",
        "max_tokens": 1000,
        "system": f"You are an agent.\nWorking directory: {project}\nToday is Friday.",
        "tools": [BASH],
        "messages": messages,
        **fields,
    }
    return Talk(msgspec.json.encode(given), agent)


async def answered(
    database: Database, talk: Talk, conversation: str, response: bytes = b"{}", **changes: Any
) -> Segment:
    """The segment up to the end of a request that was answered in a conversation."""
    store, request_id, view = RequestStore(database), new_id(), parse(talk.body)
    headers = [("x-claude-code-agent-id", "a1")] if talk.agent else []
    identity = identify(b"/v1/messages", (), talk.body)
    shown = msgspec.json.encode(headers).decode()
    await store.accept(
        AcceptedRequest(
            request_id, TENANT, "/v1/messages", shown, view, "test", b"", identity, claims=False
        )
    )
    hashes = lineage(TENANT, view)
    given = {
        "conversation_id": conversation,
        "session": SESSION,
        "chain": hashes[-1],
        **changes,
    }
    await settle(store, request_id, talk.body, response, **given)
    return Segment(hashes[-1], conversation, request_id, len(view.messages))
