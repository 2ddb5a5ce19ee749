"""The client's session, by which a conversation is found again after the client's compaction."""

from blake3 import blake3

from palimpsest.context.speech import is_human_request
from palimpsest.dialects.model import RequestView
from palimpsest.providers.headers import RawHeaders, value_of

SESSION_HEADER = b"x-claude-code-session-id"
AGENT_HEADER = b"x-claude-code-agent-id"
"""Only a sub-agent sends it."""


def session_of(tenant: str, view: RequestView, headers: RawHeaders) -> bytes | None:
    """A hash of the session whose main line this request belongs to; None for sub-agents and side
    calls, which carry the same id, and for clients that send none."""
    agent = value_of(headers, AGENT_HEADER) is not None
    return named_session(tenant, headers) if is_human_request(view, agent=agent) else None


def named_session(tenant: str, headers: RawHeaders) -> bytes | None:
    """A hash of the session that the headers name, whichever line the request belongs to."""
    session = value_of(headers, SESSION_HEADER)
    return blake3(f"session 1\0{tenant}\0{session}".encode()).digest() if session else None
