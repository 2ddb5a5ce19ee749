"""``python -m harness.eval.learning``: what is found in the sessions, by kind, and how much of it
is right by the labels; of all candidates, and of those that two sessions bore out, which are
offered.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from harness.eval.labels import Label, interval, labels
from harness.eval.lessons import Lesson, groups, read_lessons
from harness.eval.sessions import DATA, paths
from palimpsest.learning.candidate import say_the_same
from palimpsest.learning.model import CandidateKind
from palimpsest.memory.model import Fix

Which = Literal["candidates", "offered"]
_HEAD = (
    f"{'learned':<11} {'what':<11} {'found':>5} {'labelled':>8} {'right':>5} {'precision':>9}"
    f" {'95 %':>11}"
)


class Precision(msgspec.Struct, frozen=True):
    """Of one kind, or of all: how many different things were found, were labelled, are right."""

    which: Which
    what: str
    found: int
    labelled: int
    right: int

    def __str__(self) -> str:
        share = f"{self.right / self.labelled:.2f}" if self.labelled else "-"
        low, high = interval(self.right, self.labelled)
        return (
            f"{self.which:<11} {self.what:<11} {self.found:>5} {self.labelled:>8} {self.right:>5}"
            f" {share:>9} {f'{low:.2f}-{high:.2f}':>11}"
        )


def measure_precision(files: Sequence[Path], known: Mapping[str, Label]) -> list[Precision]:
    """A row for each kind and one for all, of candidates and of what is offered."""
    found = read_lessons(files)
    apart: dict[str, list[Lesson]] = {}
    for one in found:
        apart.setdefault(one.key, []).append(one)
    offered = [group for group in groups(found) if len({one.session for one in group}) > 1]
    return [*_rows("candidates", list(apart.values()), known), *_rows("offered", offered, known)]


class Foresight(msgspec.Struct, frozen=True):
    """Going through the sessions in the order of time: errors that two earlier ones had ended in
    one way, and how many of them ended that way again."""

    met: int
    same: int

    def __str__(self) -> str:
        low, high = interval(self.same, self.met)
        return (
            f"of {self.met} errors that two earlier sessions had ended in one way,"
            f" {self.same} ended so again ({low:.2f}-{high:.2f})"
        )


def measure_foresight(files: Sequence[Path]) -> Foresight:
    """What would have been offered, against what then was done; no label is needed for it."""
    known: list[list[Lesson]] = []
    met = same = 0
    found = [one for one in read_lessons(files) if isinstance(one.candidate.detail, Fix)]
    for one in sorted(found, key=lambda one: (one.at, one.session)):
        offered = [group for group in known if _offers(group, one)]
        met += bool(offered)
        same += any(
            say_the_same(group[0].candidate.detail, one.candidate.detail) for group in offered
        )
        known = groups([*(each for group in known for each in group), one])
    return Foresight(met, same)


def render(rows: Sequence[Precision], seen: Foresight) -> str:
    return "\n".join((_HEAD, *map(str, rows), str(seen)))


def _offers(group: Sequence[Lesson], one: Lesson) -> bool:
    """Whether earlier sessions bear the group out, and it is about the same error."""
    details = group[0].candidate.detail, one.candidate.detail
    signatures = {detail.signature for detail in details if isinstance(detail, Fix)}
    return len({each.session for each in group} - {one.session}) > 1 and len(signatures) == 1


def _rows(
    which: Which, made: Sequence[list[Lesson]], known: Mapping[str, Label]
) -> list[Precision]:
    kinds = [[group for group in made if group[0].candidate.kind == what] for what in CandidateKind]
    rows = [
        _row(which, what, of, known) for what, of in zip(CandidateKind, kinds, strict=True) if of
    ]
    return [*rows, _row(which, "all", made, known)]


def _row(
    which: Which, what: str, made: Sequence[list[Lesson]], known: Mapping[str, Label]
) -> Precision:
    """What is offered is worded as the first that said it."""
    told = [known[group[0].key] for group in made if group[0].key in known]
    return Precision(which, what, len(made), len(told), sum(label.right for label in told))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m harness.eval.learning", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="laid out like ../shared/data")
    chosen = parser.parse_args(arguments)
    files = paths(chosen.data)
    print(render(measure_precision(files, labels()), measure_foresight(files)))


if __name__ == "__main__":
    main()
