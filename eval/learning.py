"""``python -m eval.learning``: what is found in the sessions, by kind, and how much of it is right
by the labels; of all candidates, and of those that two sessions bore out, which are offered."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import msgspec

from eval.labels import Label, interval, labels
from eval.sessions import DATA, paths
from eval.taught import Taught, groups, taught
from learning.candidate import What

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


def learned(files: Sequence[Path], known: Mapping[str, Label]) -> list[Precision]:
    """A row for each kind and one for all, of candidates and of what is offered."""
    found = taught(files)
    apart: dict[str, list[Taught]] = {}
    for one in found:
        apart.setdefault(one.key, []).append(one)
    offered = [group for group in groups(found) if len({one.session for one in group}) > 1]
    return [*_rows("candidates", list(apart.values()), known), *_rows("offered", offered, known)]


def render(rows: Sequence[Precision]) -> str:
    return "\n".join((_HEAD, *map(str, rows)))


def _rows(
    which: Which, made: Sequence[list[Taught]], known: Mapping[str, Label]
) -> list[Precision]:
    kinds = [
        [group for group in made if group[0].candidate.what == what] for what in get_args(What)
    ]
    rows = [
        _row(which, what, of, known) for what, of in zip(get_args(What), kinds, strict=True) if of
    ]
    return [*rows, _row(which, "all", made, known)]


def _row(
    which: Which, what: str, made: Sequence[list[Taught]], known: Mapping[str, Label]
) -> Precision:
    """What is offered is worded as the first that said it."""
    told = [known[group[0].key] for group in made if group[0].key in known]
    return Precision(which, what, len(made), len(told), sum(label.right for label in told))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m eval.learning", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="laid out like ../shared/data")
    chosen = parser.parse_args(arguments)
    print(render(learned(paths(chosen.data), labels())))


if __name__ == "__main__":
    main()
