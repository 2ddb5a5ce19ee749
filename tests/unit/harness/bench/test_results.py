from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from harness.bench.job import Outcome
from harness.bench.results import (
    Cell,
    Results,
    Row,
    machine,
    row,
    write,
)
from harness.bench.table import render
from harness.bench.target import Measurement

CELL = Cell(16, 400, stream=True)


def measured(count: int, *, window: float = 2.0) -> Measurement:
    times = [float(number) for number in range(1, count + 1)]
    outcome = Outcome(
        ttfb_ms=times,
        total_ms=[ms * 2 for ms in times],
        window=window,
        requests=count * 2,
        finished=count,
        took=window,
    )
    return Measurement(outcome, Counter({"proxy": 1}))


def of(target: str, *counts: int) -> Row:
    found = row(target, CELL, [measured(count) for count in counts])
    assert found is not None
    return found


def test_rounds_are_pooled():
    found = of("palimpsest", 100, 300)
    assert found.rps == 100.0
    assert found.rps_rounds == [50.0, 150.0]
    assert found.requests == 800
    assert found.cpu_ms == {"proxy": 2.5}


def test_no_sample_is_no_row():
    assert row("litellm", CELL, [measured(0)]) is None


def test_the_file_has_the_shape_the_issue_asks_for(tmp_path: Path):
    path = tmp_path / "results" / "latest.json"
    write(Results(machine(), [of("palimpsest", 10)]), path)
    written: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    assert written["machine"]["cores"] >= 1
    (only,) = written["rows"]
    assert (only["target"], only["clients"], only["body_kb"]) == ("palimpsest", 16, 400)
    assert only["stream"] is True
    assert only["rps"] == 5.0
    assert only["ttfb_ms"] == {"p50": 5.0, "p95": 10.0, "p99": 10.0}
    assert only["total_ms"] == {"p50": 10.0, "p95": 20.0, "p99": 20.0}


def test_the_table_compares_with_the_floor_on_the_same_server():
    table = render([of("palimpsest", 75), of("floor", 100), of("floor-postgres", 1000)])
    assert "floor 75%" in table
    assert "floor-postgres 8%" not in table
