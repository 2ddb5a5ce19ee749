"""Memories to be indexed, with vectors that tell them apart."""

from datetime import UTC, datetime, timedelta

import numpy as np

from palimpsest.memory.model import Kind, Memory, memory_id
from palimpsest.store.vectors.model import Entry, SearchFilter, Sparse, Vector, VectorIndex

DIMENSION = 32
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def memory(
    number: int,
    *,
    tenant: str = "default",
    project: str = "/p",
    conversation: str = "c",
    kind: Kind = Kind.TURN,
    language: str = "",
    files: tuple[str, ...] = (),
) -> Memory:
    """Said ``number`` minutes after `BEGAN`, at that position."""
    return Memory(
        id=memory_id(tenant, project, kind, conversation, str(number)),
        tenant=tenant,
        project=project,
        kind=kind,
        text=f"memory {number} of {conversation}",
        conversation=conversation,
        position=number,
        part=number % 3,
        language=language,
        files=files,
        said_at=BEGAN + timedelta(minutes=number),
    )


def direction(number: int, dimension: int = DIMENSION) -> Vector:
    """A unit vector, always the same for a number, and another for each."""
    vector = np.random.default_rng(number).standard_normal(dimension).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def entry(number: int, of: Memory | None = None, words: Sparse | None = None) -> Entry:
    """Its word is its number; all share the word 0."""
    weights = words if words is not None else Sparse((0, number + 1), (0.1, 1.0))
    return Entry(of or memory(number), direction(number), weights)


async def near(index: VectorIndex, vector: Vector, limit: int) -> list[int]:
    """The positions of the nearest, best first."""
    found = await index.find(vector, Sparse((), ()), SearchFilter("default"), limit)
    return [found.found[one].position for one in found.near]
