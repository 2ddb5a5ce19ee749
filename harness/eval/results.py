"""The rows of a run, as ``eval/results/latest.json`` holds them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from harness.bench.results import Machine
from harness.eval.means import (
    Mean,
    mean,
    percentile,
    share,
)
from harness.eval.prunes import Prune
from harness.eval.replay import NeedleCounts, SessionReplay
from harness.eval.session_measures import SessionMeasures
from harness.eval.sessions import HALVES, Half
from harness.eval.timing import Times

LATEST = Path(__file__).parent / "results" / "latest.json"
BASE, CLIENT = "pass-through", "compaction"


class Needles(msgspec.Struct, frozen=True):
    """Found and planted."""

    user: int
    user_of: int
    tool: int
    tool_of: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy over the sessions of one half that fit, or that go beyond. ``to_*``: billed
    tokens over those of that strategy, of the sums; None where that one has overflows."""

    profile: str
    half: Half
    beyond: bool
    strategy: str
    sessions: int
    calls: int
    completed: int
    overflows: int
    violations: int
    peak: int
    billed: int
    to_pass_through: float | None
    to_compaction: float | None
    stable: float
    breaks: int
    epochs: int
    needles: Needles


class PruneRow(msgspec.Struct, frozen=True, kw_only=True):
    """Prunes to one target: shares of needed results still whole, means over sessions; ``gain``:
    the ledger's less plain recency's, paired by session. ``cut``: needles in results that are not
    sent whole any more."""

    profile: str
    half: Half
    target: int
    sessions: int
    points: int
    tokens: int
    kept: Mean
    kept_by_recency: Mean
    gain: Mean
    needles: Needles
    cut: Needles


class Estimates(msgspec.Struct, frozen=True):
    """The relative error of the estimated prompt sizes."""

    half: Half
    prompts: int
    p50: float
    p95: float


class Results(msgspec.Struct, frozen=True):
    machine: Machine
    sessions: int
    calls: int
    seconds: float
    rows: list[Row]
    prunes: list[PruneRow]
    estimates: list[Estimates]
    times: list[Times]


def rows(measured: Sequence[SessionMeasures]) -> list[Row]:
    """Grouped by profile, half, fits or beyond, strategy."""
    grouped: defaultdict[tuple[str, Half, bool, str], list[SessionReplay]] = defaultdict(list)
    for one in (replayed for found in measured for replayed in found.replays):
        grouped[one.profile, one.half, one.beyond, one.strategy].append(one)

    def billed(profile: str, half: Half, beyond: bool, base: str) -> float | None:
        found = grouped.get((profile, half, beyond, base), [])
        failed = any(one.overflows for one in found)
        return None if failed or not found else sum(one.billed for one in found)

    order = list(dict.fromkeys(one.strategy for found in measured for one in found.replays))
    keys = sorted(grouped, key=lambda key: (*key[:3], order.index(key[3])))
    return [
        _row(key, grouped[key], billed(*key[:3], BASE), billed(*key[:3], CLIENT)) for key in keys
    ]


def _row(
    key: tuple[str, Half, bool, str],
    found: list[SessionReplay],
    base: float | None,
    client: float | None,
) -> Row:
    own = sum(one.billed for one in found)
    failed = any(one.overflows for one in found)
    return Row(
        profile=key[0],
        half=key[1],
        beyond=key[2],
        strategy=key[3],
        sessions=len(found),
        calls=sum(one.calls for one in found),
        completed=sum(one.completed for one in found),
        overflows=sum(one.overflows for one in found),
        violations=sum(one.violations for one in found),
        peak=max(one.peak for one in found),
        billed=round(own),
        to_pass_through=share(own, base) if base and not failed else None,
        to_compaction=share(own, client) if client and not failed else None,
        stable=round(sum(one.stable for one in found) / len(found), 4),
        breaks=sum(one.breaks for one in found),
        epochs=sum(one.epochs for one in found),
        needles=_needles(one.needles for one in found),
    )


def prune_rows(measured: Sequence[SessionMeasures]) -> list[PruneRow]:
    """Grouped by profile, half, target."""
    grouped: defaultdict[tuple[str, Half, int], list[Prune]] = defaultdict(list)
    for one in (pruned for found in measured for pruned in found.prunes):
        grouped[one.profile, one.half, one.target].append(one)
    return [_prune_row(key, grouped[key]) for key in sorted(grouped)]


def _prune_row(key: tuple[str, Half, int], found: list[Prune]) -> PruneRow:
    sessions: defaultdict[str, list[Prune]] = defaultdict(list)
    for one in found:
        if one.needed:
            sessions[one.session].append(one)

    def shares(kept: Callable[[Prune], int]) -> list[float]:
        return [sum(map(kept, of)) / sum(one.needed for one in of) for of in sessions.values()]

    own, recent = shares(lambda one: one.kept), shares(lambda one: one.kept_by_recency)
    return PruneRow(
        profile=key[0],
        half=key[1],
        target=key[2],
        sessions=len(sessions),
        points=len(found),
        tokens=round(sum(one.tokens for one in found) / len(found)),
        kept=mean(own),
        kept_by_recency=mean(recent),
        gain=mean([one - other for one, other in zip(own, recent, strict=True)]),
        needles=_needles(one.needles for one in found),
        cut=_needles(one.cut_needles for one in found),
    )


def estimates(measured: Sequence[SessionMeasures]) -> list[Estimates]:
    """One row for each half."""
    found: list[Estimates] = []
    for half in HALVES:
        errors = [error for one in measured if one.half == half for error in one.errors]
        p50, p95 = (round(percentile(errors, at), 4) for at in (0.5, 0.95))
        found.append(Estimates(half, len(errors), p50, p95))
    return found


def write(results: Results, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1) + b"\n")


def _needles(found: Iterator[NeedleCounts]) -> Needles:
    every = list(found)
    return Needles(
        sum(one.user for one in every),
        sum(one.user_of for one in every),
        sum(one.tool for one in every),
        sum(one.tool_of for one in every),
    )
