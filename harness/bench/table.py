"""The results as a table for the terminal, with the ratios that matter."""

from collections.abc import Iterator

from harness.bench.results import Cell, Row

COLUMNS = (
    f"{'target':<20} {'cl':>3} {'KB':>4} {'stream':<6} {'req/s':>8} {'ttfb p50':>9} {'p95':>8}"
    f" {'p99':>8} {'total p50':>9} {'p95':>8} {'p99':>8} {'fail':>4}  cpu ms/request"
)
BASES = {
    "palimpsest": ("floor", "litellm", "direct"),
    "palimpsest-postgres": ("floor-postgres", "litellm", "direct"),
}


def render(rows: list[Row]) -> str:
    """Every row, then each Palimpsest row against its floor, LiteLLM and the upstream alone."""
    lines = [COLUMNS, *(_line(row) for row in rows)]
    if ratios := list(_ratios(rows)):
        lines += ["", "requests/s and p50 of the first byte against", *ratios]
    if cores := list(_cores(rows)):
        lines += ["", "cores that 100 requests/s take (load and simulator aside)", *cores]
    return "\n".join(lines)


def _line(row: Row) -> str:
    ttfb, total = row.ttfb_ms, row.total_ms
    cpu = " ".join(f"{role} {ms:.1f}" for role, ms in sorted(row.cpu_ms.items()))
    return (
        f"{row.target:<20} {row.clients:>3} {row.body_kb:>4} {row.stream!s:<6} {row.rps:>8.1f}"
        f" {ttfb.p50:>9.1f} {ttfb.p95:>8.1f} {ttfb.p99:>8.1f}"
        f" {total.p50:>9.1f} {total.p95:>8.1f} {total.p99:>8.1f} {row.failures:>4}  {cpu}"
    )


def _ratios(rows: list[Row]) -> Iterator[str]:
    found: dict[tuple[str, Cell], Row] = {(row.target, row.cell): row for row in rows}
    for row in rows:
        bases = [found.get((base, row.cell)) for base in BASES.get(row.target, ())]
        parts = [
            f"{base.target} {row.rps / base.rps:.0%}, {row.ttfb_ms.p50 / base.ttfb_ms.p50:.2f}x"
            for base in bases
            if base is not None and base.rps
        ]
        if parts:
            name = f"{row.target:<20} {row.clients:>3} {row.body_kb:>4} {row.stream!s:<6}"
            yield f"{name} {' | '.join(parts)}"


def _cores(rows: list[Row]) -> Iterator[str]:
    for row in rows:
        own = {role: ms for role, ms in row.cpu_ms.items() if role not in {"load", "simulator"}}
        if own:
            parts = ", ".join(f"{role} {ms / 10:.2f}" for role, ms in sorted(own.items()))
            name = f"{row.target:<20} {row.clients:>3} {row.body_kb:>4} {row.stream!s:<6}"
            yield f"{name} {sum(own.values()) / 10:.2f} ({parts})"
