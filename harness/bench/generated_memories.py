"""Generated memories: as long and as repetitive as what coding agents say, and always the same.

Of what eight recorded sessions left in the archive, a memory had 631 characters on average, in 65
words, 55 of them different ones that count.
"""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from palimpsest.memory.model import Cursor, Kind, Memory, MemoryChanges, memory_id

TENANT = "default"
PROJECTS = 40
PARTS = 200
"""Of a conversation."""

_WORDS = 30_000
_LENGTH = 64
_FOUR_SYLLABLES, _APART = 960_000, 2_999
"""Code has long words, that have little in common."""
_FREQUENT = 50
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_SYLLABLES = tuple(a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "i", "o", "u", "ar", "en"))


def word(number: int) -> str:
    first, rest = divmod(number, len(_SYLLABLES))
    return _SYLLABLES[rest] + (word(first - 1) if first else "")


_VOCABULARY = tuple(word(_FOUR_SYLLABLES + number * _APART) for number in range(_WORDS))


_CUMULATED: NDArray[np.float64] = np.cumsum(1 / (np.arange(_WORDS) + _FREQUENT))


def text(number: int, length: int = _LENGTH) -> str:
    """Few words are frequent and most are rare, as in any language; without the most frequent,
    which are not looked for anyway."""
    drawn: NDArray[np.float64] = np.random.default_rng(number).random(length) * _CUMULATED[-1]
    ranks: NDArray[np.intp] = _CUMULATED.searchsorted(drawn)
    return " ".join(_VOCABULARY[int(rank)] for rank in ranks)


def project(number: int) -> str:
    return f"/home/someone/project-{number // PARTS % PROJECTS}"


def memory(number: int) -> Memory:
    return Memory(
        id=memory_id(TENANT, project(number), Kind.TURN, str(number)),
        tenant=TENANT,
        project=project(number),
        kind=Kind.TURN,
        text=text(number),
        conversation=f"conversation-{number // PARTS}",
        position=number % PARTS,
        said_at=_BEGAN + timedelta(seconds=30 * number),
    )


class GeneratedMemories:
    """So many memories, as the database tells of them."""

    def __init__(self, items: int) -> None:
        self._items = items

    async def read_changes(self, cursor: Cursor, limit: int) -> MemoryChanges:
        last = min(cursor.changed + limit, self._items)
        memories = [memory(number) for number in range(cursor.changed, last)]
        return MemoryChanges(memories, [], Cursor(last) if memories else cursor)

    async def read_newest_cursor(self) -> Cursor:
        return Cursor(self._items)
