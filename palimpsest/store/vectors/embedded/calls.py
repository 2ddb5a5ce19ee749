"""What is said between this process and the child that holds the embedded index: calls and answers
of MessagePack, each after its length.

The engine keeps Python's global lock while it works, for minutes where it builds a graph. In a
process of its own it stops nobody, and what breaks it breaks nothing else.
"""

import struct
from typing import Any

import msgspec
import numpy as np

from palimpsest.memory.model import Cursor
from palimpsest.store.vectors.model import Entry, IndexStep, Match, SearchFilter, Sparse, Vector
from palimpsest.store.vectors.points import payload_of, point_id

LENGTH = struct.Struct("<I")


class Point(msgspec.Struct, frozen=True, array_like=True):
    """``dense`` are the bytes of float32 numbers."""

    id: int
    dense: bytes
    sparse: Sparse
    payload: dict[str, Any]


class Write(msgspec.Struct, frozen=True, tag="write"):
    """A step; see palimpsest/store/vectors/model.py."""

    points: list[Point]
    forgotten: list[int]
    since: Cursor
    until: Cursor


class Find(msgspec.Struct, frozen=True, tag="find"):
    """Both ways at once: a call of its own for each costs a millisecond more."""

    dense: bytes
    words: Sparse
    where: SearchFilter
    limit: int


class Count(msgspec.Struct, frozen=True, tag="count"):
    where: SearchFilter


class Flush(msgspec.Struct, frozen=True, tag="flush"):
    pass


class Clear(msgspec.Struct, frozen=True, tag="clear"):
    pass


class Optimise(msgspec.Struct, frozen=True, tag="optimise"):
    pass


class Switch(msgspec.Struct, frozen=True, tag="switch"):
    """Go on with another generation, and remove the one there was."""

    generation: str


class Look(msgspec.Struct, frozen=True, tag="look"):
    pass


Call = Write | Find | Count | Flush | Clear | Optimise | Switch | Look


class State(msgspec.Struct, frozen=True):
    """Of an open index. ``generation``: the directory it is in. ``loose``: for how many points no
    graph was built. ``set_aside``: why what was there before could not be opened, if so."""

    generation: str
    cursor: Cursor
    points: int
    loose: int
    set_aside: str = ""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """``refused``: there is nothing wrong with the engine, but with the call."""

    reason: str
    refused: bool = False


Scored = tuple[int, float]
"""The place of a memory among those that were found, and its score."""


class Answer(msgspec.Struct, frozen=True, tag="answer"):
    """``found`` with ``near`` and ``matching``, best first, of `Find`, ``count`` of `Count`,
    ``state`` of the others."""

    found: list[Match] = []
    near: list[Scored] = []
    matching: list[Scored] = []
    count: int = 0
    state: State | None = None


Reply = Answer | Failed


def framed(message: bytes) -> bytes:
    return LENGTH.pack(len(message)) + message


def writing(step: IndexStep) -> Write:
    return Write(
        [_point(entry) for entry in step.entries],
        [point_id(one) for one in step.forgotten],
        step.since,
        step.until,
    )


def float32(vector: Vector) -> bytes:
    return np.ascontiguousarray(vector, np.float32).tobytes()


def _point(entry: Entry) -> Point:
    memory = entry.memory
    return Point(point_id(memory.id), float32(entry.dense), entry.sparse, payload_of(memory))
