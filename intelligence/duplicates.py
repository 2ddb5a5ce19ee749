"""Which of several texts say the same: a file that was read twice, a command that was run again."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from math import ceil

_SKETCH = 24
_ALIKE = 0.85


def distinct(texts: Sequence[frozenset[int]]) -> Iterator[int]:
    """The places of the texts that say what none before them does. A text is the numbers of its
    words; since these are hashes, the smallest of them stand for all."""
    kept: defaultdict[int, list[frozenset[int]]] = defaultdict(list)
    for place, stems in enumerate(texts):
        smallest = nsmallest(_SKETCH, stems)
        sketch = frozenset(smallest)
        # Two that are alike have one of these in common at least.
        first = smallest[: len(smallest) - ceil(_ALIKE * len(smallest)) + 1]
        if not any(_alike(sketch, other) for number in first for other in kept[number]):
            yield place
            for number in first:
                kept[number].append(sketch)


def _alike(one: frozenset[int], other: frozenset[int]) -> bool:
    return len(one & other) >= _ALIKE * max(len(one), len(other))
