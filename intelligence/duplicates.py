"""Which of several texts say the same: a file that was read twice, a command that was run again."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import nsmallest

_SKETCH = 24
_ALIKE = 0.85


def distinct(texts: Sequence[frozenset[int]]) -> Iterator[int]:
    """The places of the texts that say what none before them does. A text is the numbers of its
    words; since these are hashes, the smallest of them stand for all."""
    kept: list[frozenset[int]] = []
    for place, stems in enumerate(texts):
        sketch = frozenset(nsmallest(_SKETCH, stems))
        if not _is_known(sketch, kept):
            kept.append(sketch)
            yield place


def _is_known(sketch: frozenset[int], kept: Iterable[frozenset[int]]) -> bool:
    size = len(sketch)
    return any(len(sketch & other) >= _ALIKE * max(size, len(other)) for other in kept)
