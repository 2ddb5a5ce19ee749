"""The results as one table for the terminal."""

from collections.abc import Iterator

from harness.eval.results import (
    Needles,
    PruneRow,
    Results,
    Row,
)

_REPLAYS = (
    f"{'':<9} {'':<6} {'strategy':<13} {'sess':>4} {'turns':>11} {'over':>5} {'viol':>5}"
    f" {'peak':>8} {'billed':>12} {'/pass':>6} {'/compact':>8} {'stable':>7} {'breaks/epochs':>13}"
    f" {'user':>6} {'tool':>6}"
)
_PRUNES = (
    f"{'':<9} {'target':>6} {'sess':>4} {'points':>6} {'tokens':>7} {'kept':>7} {'recency':>7}"
    f" {'gain':>14} {'user':>6} {'tool':>6} {'tool, cut':>9}"
)


def render(results: Results) -> str:
    """Replays by profile, then single prunes, then the estimate and the times."""
    lines = [f"{results.sessions} sessions, {results.calls} calls, {results.seconds:.0f} s"]
    for profile in dict.fromkeys(row.profile for row in results.rows):
        lines += ["", profile, _REPLAYS]
        lines += [_replay(row) for row in results.rows if row.profile == profile]
        lines += ["", f"one prune to a target: {profile}", _PRUNES]
        lines += [_prune(row) for row in results.prunes if row.profile == profile]
    return "\n".join([*lines, "", *_rest(results)])


def _replay(row: Row) -> str:
    return (
        f"{row.half:<9} {'beyond' if row.beyond else 'fits':<6} {row.strategy:<13}"
        f" {row.sessions:>4} {f'{row.completed}/{row.calls}':>11} {row.overflows:>5}"
        f" {row.violations:>5} {row.peak:>8} {row.billed:>12} {_number(row.to_pass_through):>6}"
        f" {_number(row.to_compaction):>8} {row.stable:>7.2%} {f'{row.breaks}/{row.epochs}':>13}"
        f" {_user(row.needles):>6} {_tool(row.needles):>6}"
    )


def _prune(row: PruneRow) -> str:
    return (
        f"{row.half:<9} {row.target // 1000:>5}K {row.sessions:>4} {row.points:>6} {row.tokens:>7}"
        f" {_number(row.kept.mean):>7} {_number(row.kept_by_recency.mean):>7} {row.gain!s:>14}"
        f" {_user(row.needles):>6} {_tool(row.needles):>6} {_tool(row.cut):>9}"
    )


def _rest(results: Results) -> Iterator[str]:
    for row in results.estimates:
        yield (
            f"{row.half:<9} estimate of {row.prompts} prompts off by {row.p50:.2%} (p50),"
            f" {row.p95:.2%} (p95)"
        )
    for times in results.times:
        yield (
            f"{times.tokens // 1000:>5}K tokens, {times.messages} messages: rewrite"
            f" {times.rewrite_p50:.1f} ms p50, {times.rewrite_p95:.1f} p95; with a new epoch"
            f" {times.epoch_p50:.1f} p50, {times.epoch_p95:.1f} p95; seen for the first time"
            f" {times.first:.0f}"
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _user(needles: Needles) -> str:
    return f"{needles.user / needles.user_of:.0%}" if needles.user_of else "-"


def _tool(needles: Needles) -> str:
    return f"{needles.tool / needles.tool_of:.1%}" if needles.tool_of else "-"
