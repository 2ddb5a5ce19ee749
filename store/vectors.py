"""The vector index: finds memories by meaning and by words.

It holds no truth of its own. It follows the memories in Postgres by a *cursor*, and one that was
lost is filled again from there. It answers with ids and with what ranking needs; texts are read
from Postgres, so nothing that was deleted is ever shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from intelligence.memory import Kind, Memory

Vector = NDArray[np.float32]
"""One-dimensional, of unit length."""


class Sparse(NamedTuple):
    """Weights of words, by the number that stands for each; numbers ascend."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


class Cursor(NamedTuple):
    """How far the index follows the memories: all that changed before, and at ``changed`` up to
    ``id``, is in it."""

    changed: int = 0
    id: str = ""


class Span(NamedTuple):
    """The positions ``first`` to ``last`` of a conversation, both included."""

    conversation: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A memory with its two vectors."""

    memory: Memory
    dense: Vector
    sparse: Sparse


@dataclass(frozen=True, slots=True)
class Found:
    """A memory that matched, as the index knows it; ``score`` is the query's own, ``length`` its
    text's in characters."""

    id: str
    score: float
    kind: Kind
    project: str
    conversation: str
    position: int
    part: int
    said_at: datetime
    length: int = 0


@dataclass(frozen=True, slots=True)
class Where:
    """What is looked through; an empty or absent field excludes nothing. ``spans``: only these
    parts of conversations."""

    tenant: str
    projects: tuple[str, ...] = ()
    conversation: str = ""
    kinds: tuple[Kind, ...] = ()
    language: str = ""
    file: str = ""
    since: datetime | None = None
    until: datetime | None = None
    spans: tuple[Span, ...] = ()


class Follower(Protocol):
    """What follows the memories. Raises IndexUnavailable; writes may be repeated."""

    async def upsert(self, entries: Sequence[Entry]) -> None: ...

    async def delete(self, ids: Sequence[str]) -> None: ...

    async def cursor(self) -> Cursor:
        """The start, for an index that is new or was lost."""
        ...

    async def advance(self, cursor: Cursor) -> None:
        """Only once what was written before it is safe."""
        ...


class VectorIndex(Follower, Protocol):
    """Raises IndexUnavailable."""

    async def near(self, vector: Vector, where: Where, limit: int) -> list[Found]:
        """The nearest by meaning, best first; scores are cosines."""
        ...

    async def matching(self, words: Sparse, where: Where, limit: int) -> list[Found]:
        """The best by words, best first; scores are BM25's."""
        ...

    async def count(self, where: Where) -> int: ...

    async def clear(self) -> None:
        """Empty, with its cursor at the start."""
        ...

    async def rebuilt(self) -> Follower | None:
        """A copy with its graph built anew, where that is due. That may take minutes; queries and
        writes go on, so the copy has to follow the memories before it is adopted."""
        ...

    async def adopt(self, copy: Follower) -> None:
        """Go on with the copy; no write may be under way."""
        ...

    async def close(self) -> None: ...
