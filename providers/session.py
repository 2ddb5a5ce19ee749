"""The client's session, by which a conversation is found again after the client's compaction."""

from blake3 import blake3

from context.speech import is_human_request
from context.view import RequestView
from providers.headers import RawHeaders, value_of
from store.identity import AGENT, SESSION


def session_of(tenant: str, view: RequestView, headers: RawHeaders) -> bytes | None:
    """A hash of the session whose main line this request belongs to; None for sub-agents and side
    calls, which carry the same id, and for clients that send none."""
    session = value_of(headers, SESSION)
    agent = value_of(headers, AGENT) is not None
    if not session or not is_human_request(view, agent=agent):
        return None
    return blake3(f"session 1\0{tenant}\0{session}".encode()).digest()
