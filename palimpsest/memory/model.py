"""A *memory* is one thing that is known: a part of a turn, a pattern, or a fix.

Memories live in Postgres (palimpsest/store/postgres/memories.py) and are found through the vector
index, which only follows what Postgres says (palimpsest/store/vectors/model.py). Their ids are
their content's hash, so that learning the same thing twice is learning it once. No memory holds a
secret: what makes them takes those out.
"""

from datetime import datetime
from enum import StrEnum

import msgspec
from blake3 import blake3

_ID_BYTES = 16
_CONVERSATIONS = 2


class Kind(StrEnum):
    """``turn``: what was said or returned, in parts of a few hundred tokens; ``pattern``: a recipe
    that worked; ``fix``: an error and what mended it."""

    TURN = "turn"
    PATTERN = "pattern"
    FIX = "fix"


class Pattern(msgspec.Struct, frozen=True, tag="pattern"):
    """When ``trigger``, do ``steps``; ``example`` is what was done once."""

    trigger: str
    steps: tuple[str, ...]
    example: str = ""


class Fix(msgspec.Struct, frozen=True, tag="fix"):
    """``signature`` is the error without paths, numbers and addresses; ``remedy`` what ended it."""

    signature: str
    error: str
    remedy: str
    command: str = ""


Detail = Pattern | Fix


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """``text`` is what is searched and shown. Of a turn, ``role`` is ``user``, ``assistant`` or
    ``tool``, ``chain`` the lineage hash (hex) through the message, ``position`` the message's and
    ``part`` which part of it. ``said_at``: when it was said or last seen. ``conversations``: in how
    many it was seen; ``confirmed``: a person said that it is right."""

    id: str
    tenant: str
    project: str
    kind: Kind
    text: str
    role: str = ""
    conversation: str = ""
    position: int = -1
    part: int = 0
    chain: str = ""
    language: str = ""
    files: tuple[str, ...] = ()
    said_at: datetime
    detail: Detail | None = None
    confidence: float = 1.0
    conversations: int = 1
    uses: int = 0
    successes: int = 0
    failures: int = 0
    confirmed: bool = False


def memory_id(tenant: str, project: str, kind: Kind, *content: str) -> str:
    """The id of what is known. ``content`` is what makes it the same thing: of a turn its
    message's chain and part, of a pattern its trigger and steps, of a fix its signature and
    remedy."""
    parts = "\0".join((tenant, project, kind, *content))
    return "mem_" + blake3(f"memory 1\0{parts}".encode()).digest(_ID_BYTES).hex()


def injectable(memory: Memory) -> bool:
    """What was learned is offered only when two conversations or a person bear it out, and not
    while it fails more often than it helps."""
    if memory.kind is Kind.TURN:
        return True
    borne_out = memory.confirmed or memory.conversations >= _CONVERSATIONS
    return borne_out and memory.failures <= memory.successes + 1
