"""Drops texts that repeat others: a file that was read twice, a command that was run again."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from math import ceil
from typing import TypeVar
from zlib import crc32

_WORDS = 160
_SKETCH = 24
_ALIKE = 0.85


Item = TypeVar("Item")


def drop_duplicates(things: Iterable[Item], text: Callable[[Item], str]) -> Iterator[Item]:
    """The items whose text is like none before them. Texts are compared by the smallest checksums
    of their first words, which are as alike as the texts are (MinHash)."""
    kept: defaultdict[int, list[frozenset[int]]] = defaultdict(list)
    for thing in things:
        words = text(thing).encode().split(None, _WORDS)[:_WORDS]
        smallest = sorted(set(map(crc32, set(words))))[:_SKETCH]
        sketch = frozenset(smallest)
        # Two that are alike have one of these in common at least.
        first = smallest[: len(smallest) - ceil(_ALIKE * len(smallest)) + 1]
        if not any(_alike(sketch, other) for number in first for other in kept[number]):
            yield thing
            for number in first:
                kept[number].append(sketch)


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    return len(one & other) >= _ALIKE * max(len(one), len(other))
