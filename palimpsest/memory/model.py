"""Defines a *memory*: a part of a turn, a pattern, or a fix.

Memories are rows in Postgres (palimpsest/store/postgres/memories.py) and are searched through the
vector index, which follows those rows (palimpsest/store/vectors/model.py). A memory's id is a hash
of its content, so the same lesson is stored once. Secrets are taken out before a memory is made.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
from blake3 import blake3

_ID_BYTES = 16
_CONVERSATIONS = 2


class Kind(StrEnum):
    """What a memory holds."""

    TURN = "turn"
    """A part, of a few hundred tokens, of a message."""
    PATTERN = "pattern"
    """A recipe that worked, or a rule that a person gave."""
    FIX = "fix"
    """An error and what ended it."""


class LookupOutcome(StrEnum):
    """What became of the search for memories for a person's turn."""

    FOUND = "found"
    NONE = "none"
    """Nothing bears on the turn, or nothing may be injected."""
    DEGRADED = "degraded"
    """The search failed or was late, and the request goes on without it."""


class Pattern(msgspec.Struct, frozen=True, tag="pattern"):
    """When ``trigger``, do ``steps``; ``example``: a command that was run once."""

    trigger: str
    steps: tuple[str, ...]
    example: str = ""


class Fix(msgspec.Struct, frozen=True, tag="fix"):
    """An error and what ended it.

    ``signature``: the error without paths, numbers and addresses.
    ``error``: the line that reports it, and the line of code that was printed with it.
    ``remedy``: the edit or command that ended it.
    ``command``: the command that failed.
    """

    signature: str
    error: str
    remedy: str
    command: str = ""


Detail = Pattern | Fix


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """One memory, as it is stored, searched and exported.

    ``caller``: whose it is; empty: of all callers.
    ``text``: what is searched and shown.
    ``role``: of a turn, ``user``, ``assistant`` or ``tool``.
    ``conversation``: the id of the one it comes from.
    ``position``: of its message in the conversation; -1: none.
    ``part``: of a turn, the number of the part of the message.
    ``chain``: of a turn, the history hash through the message, in hex.
    ``language``: the programming language of its files.
    ``files``: the files it is about.
    ``said_at``: when it was said, or last seen.
    ``detail``: of a pattern or a fix.
    ``confidence``: 0 to 1.
    ``conversations``: the number of conversations that it was seen in.
    ``uses``: how often it was injected.
    ``successes``, ``failures``: how often it then helped, or did not.
    ``confirmed``: a person said that it is right.
    """

    id: str
    tenant: str
    project: str
    kind: Kind
    text: str
    caller: str = ""
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


class Cursor(NamedTuple):
    """How far a reader of the memories is: it has all that changed before ``changed``, and of what
    changed at ``changed`` all up to ``id``."""

    changed: int = 0
    id: str = ""


class PageMark(NamedTuple):
    """Where a page of a list ended."""

    said_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class MemoryFilter:
    """Memories of all these; what is None excludes nothing."""

    ids: tuple[str, ...] | None = None
    kind: Kind | None = None
    project: str | None = None
    conversation: str | None = None
    before: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return self == MemoryFilter()


@dataclass(frozen=True, slots=True)
class MemoryChanges:
    """What an index has to take in and to drop; ``cursor`` is where to go on, and the one that was
    given when there is nothing new."""

    memories: list[Memory] = field(default_factory=list[Memory])
    forgotten: list[str] = field(default_factory=list[str])
    cursor: Cursor = field(default_factory=Cursor)


def memory_id(tenant: str, project: str, kind: Kind, *content: str, caller: str = "") -> str:
    """The id of a memory. ``content`` identifies it: of a turn its message's chain and part, of a
    pattern its trigger and steps, of a fix its signature and remedy."""
    whose = (caller,) if caller else ()
    parts = "\0".join((tenant, project, kind, *content, *whose))
    return "mem_" + blake3(f"memory 1\0{parts}".encode()).digest(_ID_BYTES).hex()


def injectable(memory: Memory) -> bool:
    """Whether a memory may be injected. A lesson may once two conversations or a person confirmed
    it, and while it does not fail more often than it helps."""
    if memory.kind is Kind.TURN:
        return True
    is_proven = memory.confirmed or memory.conversations >= _CONVERSATIONS
    return is_proven and memory.failures <= memory.successes + 1
