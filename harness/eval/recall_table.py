"""The benchmarks of recall as a table for the terminal."""

from collections.abc import Iterator, Sequence

from harness.eval import needle_recovery
from harness.eval.benchmarks import ALL, Benchmarks, Row
from harness.eval.recall import TOKENS

_HEAD = (
    f"{'':<12} {'':<9} {'questions':<26} {'way':<12} {'n':>4} {'@10':>6}"
    + "".join(f" {f'@{tokens // 1000}K':>6}" for tokens in TOKENS)
    + f" {'all@5':>6} {'conv@5':>6} {'p50 ms':>7} {'p95 ms':>7}"
)


def render(found: Benchmarks, needles: Sequence[needle_recovery.Row]) -> str:
    """All ways over all questions first, then the product's by kind, then needles."""
    lines = ["recall: shares of what answers a question, found", _HEAD]
    lines += [_row(row) for row in found.rows if row.kind == ALL]
    lines += ["", *(_row(row) for row in found.rows if row.kind != ALL and _is_ours(row))]
    return "\n".join([*lines, "", *_shelved(found), "", *map(_needles, needles)])


def _is_ours(row: Row) -> bool:
    return row.way == "palimpsest"


def _row(row: Row) -> str:
    shares = (row.at_10, *row.at_tokens, row.all_at_5, row.conversations_at_5)
    return (
        f"{row.benchmark:<12} {row.half:<9} {row.kind:<26} {row.way:<12} {row.questions:>4}"
        + "".join(f" {share:>6.3f}" for share in shares)
        + f" {row.p50:>7.1f} {row.p95:>7.1f}"
    )


def _shelved(found: Benchmarks) -> Iterator[str]:
    for one in found.shelved:
        yield (
            f"{one.benchmark}: {one.memories} memories indexed at"
            f" {one.memories / max(one.seconds, 0.001):.0f}/s, {one.bytes / 1e6:.0f} MB on disk"
        )


def _needles(row: needle_recovery.Row) -> str:
    return (
        f"{row.half:<9} {row.needles:>4} needles that an epoch cut ({row.kind}): {row.found:.1%}"
        f" found, {row.told:.1%} told within {needle_recovery.BUDGET} tokens,"
        f" {row.told_within:.1%} within the {row.tokens} that are told beside so small a prompt"
    )
