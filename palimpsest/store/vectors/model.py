"""The vector index: finds memories by meaning and by words.

It holds no truth of its own. It follows the memories in Postgres by a *cursor*, and one that was
lost is filled again from there. It answers with ids and with what ranking needs; texts are read
from Postgres, so nothing that was deleted is ever shown.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from palimpsest.memory.model import Cursor, Kind, Memory

Vector = NDArray[np.float32]
"""One-dimensional, of unit length."""


class Sparse(NamedTuple):
    """Weights of words, by the number that stands for each; numbers ascend."""

    indices: tuple[int, ...]
    values: tuple[float, ...]


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


class Match(msgspec.Struct, frozen=True, array_like=True):
    """A memory that matched, as the index knows it; ``length`` is its text's in characters."""

    id: str
    kind: Kind
    project: str
    conversation: str
    position: int
    part: int
    said_at: datetime
    length: int = 0


class Candidates(NamedTuple):
    """What was found, by id. ``near`` has the cosines of what is near in meaning, ``matching`` the
    BM25 scores of what matches by words; each best first."""

    found: Mapping[str, Match] = {}
    near: Mapping[str, float] = {}
    matching: Mapping[str, float] = {}

    def and_also(self, others: "Candidates") -> "Candidates":
        return Candidates(
            {**self.found, **others.found},
            {**self.near, **others.near},
            {**self.matching, **others.matching},
        )


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What is looked through; an empty or absent field excludes nothing. ``callers``: whose
    memories, of what is in the ``projects``; ``spans``: only these parts of conversations;
    ``ids``: only these memories."""

    tenant: str
    projects: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    conversation: str = ""
    kinds: tuple[Kind, ...] = ()
    language: str = ""
    file: str = ""
    since: datetime | None = None
    until: datetime | None = None
    spans: tuple[Span, ...] = ()
    ids: tuple[str, ...] = ()


class IndexStep(NamedTuple):
    """What changed after ``since``, up to ``until``; an entry replaces what has its id."""

    entries: Sequence[Entry]
    forgotten: Sequence[str]
    since: Cursor
    until: Cursor


class IndexFollower(Protocol):
    """What follows the memories. Raises IndexUnavailable."""

    async def cursor(self) -> Cursor:
        """The start, for an index that is new or was lost."""
        ...

    async def write(self, step: IndexStep) -> None:
        """Take a step, whole or not at all; another time it is harmless. What is at another place
        than ``since`` refuses it: it began anew, and has to be asked where it is."""
        ...


CatchingUp = Callable[[IndexFollower], AbstractAsyncContextManager[None]]
"""While it is entered, what it was given has all that the index has, and the index gets no more."""


class VectorIndex(IndexFollower, Protocol):
    """Raises IndexUnavailable."""

    async def find(
        self, vector: Vector, words: Sparse, where: SearchFilter, limit: int
    ) -> Candidates:
        """So many of the nearest by meaning, and so many of the best by words."""
        ...

    async def count(self, where: SearchFilter) -> int: ...

    async def clear(self) -> None:
        """Empty, with its cursor at the start."""
        ...

    async def rebuild(self, caught_up: CatchingUp) -> bool:
        """Build its graph anew where that is due, in a copy that takes its place once
        ``caught_up`` with the memories; False when it was not due. That may take minutes; queries
        and writes go on."""
        ...

    async def close(self) -> None: ...
