"""Lineage: which conversation a list of messages belongs to, in which project, by which session.

A *chain* hashes the canonical forms of messages from a root, which is a tenant's in a project: it
names a conversation and a point in it. All hashes are 32 bytes of BLAKE3.

Two people begin many conversations with the same words in different projects. Lineage is rooted in
the project, the client's primary working directory as it names it, so that memories that were
injected for one of them are never sent for another. By its session a conversation is found again
after the client's own compaction.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

import msgspec
from blake3 import blake3

from palimpsest.context.speech import is_human_request
from palimpsest.conversations.model import Lineage
from palimpsest.dialects.model import Dialect, RequestView, Role
from palimpsest.providers.headers import RawHeaders, value_of
from palimpsest.runtime.hash_chain import Hash, linked_hashes


def root(tenant: str, project: str = "") -> Hash:
    """The chain hash before the first message of a tenant's conversation in a project."""
    place = tenant.encode() + (b"\0" + project.encode() if project else b"")
    return blake3(b"palimpsest root 1\0" + place).digest()


def chain(start: Hash, messages: Sequence[bytes], dialect: Dialect) -> tuple[Hash, ...]:
    """One hash per message: ``chain[i]`` names the conversation up to and with message i."""
    return linked_hashes(dialect.name.encode(), start, messages, dialect.canonical_hash)


# As Claude Code and others word it; Codex has a tag. The value ends with the line, and no path is
# longer than 4,096 bytes.
_NAMED = re.compile(rb"[Ww]orking directory: |<cwd>")
_DIRECTORY = re.compile(rb"((?:[^\"\\\n<]|\\[^n]){1,4096}?)(?: \(was |\\n|\n|\"|</cwd>)")
_MOST_TRIES = 64
_LOOKED_THROUGH = 64 * 1024


def project_of(view: RequestView) -> str:
    """The directory's path; empty when the client names none. It stands in ``system``, or before
    the model first spoke: in what is there on every turn."""
    for raw in (view.system or b"", *_opening(view)):
        for name in islice(_NAMED.finditer(raw), _MOST_TRIES):
            if directory := _DIRECTORY.match(raw, name.end()):
                return _text(directory[1]).strip()
    return ""


def lineage(tenant: str, view: RequestView, project: str = "") -> tuple[Hash, ...]:
    """The chain of the request's messages, rooted in its tenant and project; ``project`` is what
    is known of that, for a request that names none or has been looked through."""
    return chain(root(tenant, project or project_of(view)), view.messages, view.dialect)


def trace(
    tenant: str,
    caller: str,
    view: RequestView,
    headers: RawHeaders,
    request_id: str,
    project: str = "",
) -> Lineage:
    """The lineage of a request; ``project`` as of `lineage`."""
    session, agent = value_of(headers, SESSION_HEADER), value_of(headers, AGENT_HEADER)
    line = _line(tenant, caller, session or "", agent or "")
    traced = Lineage(
        history=lineage(tenant, view, project),
        caller=caller,
        line=line,
        named=bool(session),
        fresh=line if session else _line(tenant, caller, "", request_id),
        spoken=spoken(view),
    )
    # Whoever looks it up asks for this one, on the event loop.
    traced.chain(traced.fresh)
    return traced


def spoken(view: RequestView) -> int:
    """How many messages there are up to the model's first, that one included; 0: none is."""
    roles = (view.dialect.role(message) for message in view.messages)
    return next((at for at, role in enumerate(roles, 1) if role is Role.ASSISTANT), 0)


def extended(through: Hash, message: bytes, dialect: Dialect) -> Hash:
    """The hash of a history through one more message."""
    return chain(through, [message], dialect)[0]


def _line(tenant: str, caller: str, session: str, agent: str) -> bytes:
    named = "\0".join((tenant, caller, session, agent))
    return blake3(f"palimpsest line 1\0{named}".encode("utf-8", "surrogatepass")).digest()


def _opening(view: RequestView) -> Iterator[bytes]:
    for message in view.messages:
        if view.dialect.role(message) is Role.ASSISTANT:
            return
        yield message[:_LOOKED_THROUGH]


def _text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + raw + b'"', type=str)
    except msgspec.MsgspecError:
        return ""


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
