"""The benchmarks of recall: read their files, index the memories, ask, and sum up in rows."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from time import perf_counter

import msgspec

from harness.eval import locomo, longmemeval
from harness.eval.index import EvalIndex
from harness.eval.means import percentile
from harness.eval.questions import Haystack
from harness.eval.recall import WAYS, QuestionRecall, measure_recall
from harness.eval.sessions import HALVES, Half

ALL = "all"
_TOGETHER = 20
"""Haystacks that share an index; each is a project of its own."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A way of finding over the questions of one half and kind; see `Recalled`. Times in ms."""

    benchmark: str
    half: Half
    kind: str
    way: str
    questions: int
    at_10: float
    at_tokens: tuple[float, ...]
    all_at_5: float
    conversations_at_5: float
    p50: float
    p95: float


class IndexCost(msgspec.Struct, frozen=True):
    """The cost of indexing the memories: ``seconds`` one after the other, ``bytes`` on disk."""

    benchmark: str
    memories: int
    seconds: float
    bytes: int


class Benchmarks(msgspec.Struct, frozen=True):
    rows: list[Row]
    shelved: list[IndexCost]


@dataclass
class _Totals:
    found: list[QuestionRecall] = field(default_factory=list[QuestionRecall])
    memories: int = 0
    seconds: float = 0.0
    bytes: int = 0


def files(data: Path) -> dict[str, list[Path]]:
    """By benchmark, under a folder of the layout of ``../shared/data``."""
    return {"LoCoMo": locomo.paths(data), "LongMemEval": longmemeval.paths(data)}


async def measure(data: Path, most: int | None = None) -> Benchmarks:
    """``most``: haystacks of a benchmark, all by default."""
    rows: list[Row] = []
    shelved: list[IndexCost] = []
    loaders: dict[str, Callable[[Path], Iterator[Haystack]]] = {
        "LoCoMo": locomo.load,
        "LongMemEval": longmemeval.load,
    }
    for name, paths in files(data).items():
        stacks = [stack for path in paths for stack in loaders[name](path)][:most]
        if not stacks:
            continue
        state = _Totals()
        for at in range(0, len(stacks), _TOGETHER):
            await _measure(stacks[at : at + _TOGETHER], state)
        rows += _rows(name, state.found)
        shelved.append(IndexCost(name, state.memories, round(state.seconds, 1), state.bytes))
    return Benchmarks(rows, shelved)


async def _measure(stacks: Sequence[Haystack], state: _Totals) -> None:
    async with EvalIndex.running() as index:
        begun = perf_counter()
        for stack in stacks:
            await index.add(stack.memories)
        state.seconds += perf_counter() - begun
        state.memories += len(index)
        state.bytes += index.bytes
        for stack in stacks:
            state.found += await measure_recall(index, stack)


def _rows(benchmark: str, found: Sequence[QuestionRecall]) -> Iterator[Row]:
    grouped: defaultdict[tuple[Half, str, str], list[QuestionRecall]] = defaultdict(list)
    for one in found:
        for kind in (ALL, one.kind):
            grouped[one.half, kind, one.way].append(one)
    order = {way: number for number, way in enumerate(WAYS)}
    for half in HALVES:
        keys = [key for key in grouped if key[0] == half]
        for key in sorted(keys, key=lambda key: (key[1] != ALL, key[1], order[key[2]])):
            yield _row(benchmark, *key, grouped[key])


def _row(benchmark: str, half: Half, kind: str, way: str, found: Sequence[QuestionRecall]) -> Row:
    times = [one.ms for one in found]
    return Row(
        benchmark=benchmark,
        half=half,
        kind=kind,
        way=way,
        questions=len(found),
        at_10=_mean([one.at_10 for one in found]),
        at_tokens=tuple(map(_mean, zip(*(one.at_tokens for one in found), strict=True))),
        all_at_5=_mean([one.all_at_5 for one in found]),
        conversations_at_5=_mean([one.conversations_at_5 for one in found]),
        p50=round(percentile(times, 0.5), 2),
        p95=round(percentile(times, 0.95), 2),
    )


def _mean(values: Sequence[float]) -> float:
    return round(fmean(values), 4)
