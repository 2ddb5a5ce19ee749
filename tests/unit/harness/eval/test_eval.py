"""``python -m harness.eval`` on a small folder: the table and the file."""

from pathlib import Path

import msgspec
import pytest

from harness.eval.__main__ import main
from harness.eval.means import mean
from harness.eval.needles import plant_needles
from harness.eval.profiles import RECORDED
from harness.eval.prunes import measure_prunes
from harness.eval.results import Results
from tests.support.eval_sessions import loop, session, write


def test_a_quick_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(3):
        write(tmp_path, f"session-{number}", loop(4))
    (tmp_path / "agent_sessions" / "torn.json.gz").write_bytes(b"no gzip")
    output = tmp_path / "latest.json"
    main(["--quick", "--processes", "1", "--data", str(tmp_path), "--output", str(output)])
    results = msgspec.json.decode(output.read_bytes(), type=Results)
    assert (results.sessions, results.calls) == (3, 15)
    assert {row.strategy for row in results.rows} == {
        *("pass-through", "compaction", "recency", "ledger")
    }
    assert all(row.completed == row.calls and not row.beyond for row in results.rows)
    assert [row.to_pass_through for row in results.rows if row.strategy == "ledger"] == [1.0] * 4
    assert results.times[0].rewrite_p95 > 0
    told = capsys.readouterr()
    assert "ledger" in told.out
    assert "precision" in told.out
    assert "torn.json.gz: BadGzipFile" in told.err


def test_a_folder_without_sessions_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=str(tmp_path)):
        main(["--data", str(tmp_path)])


def test_a_prune_to_a_target() -> None:
    found = list(measure_prunes(*plant_needles(session(*loop(50, lines=120))), RECORDED))
    assert {one.target for one in found} == {40_000}
    for one in found:
        assert one.tokens <= one.target < one.tokens_before
        assert one.needles.tool >= one.cut_needles.tool


def test_a_mean_has_an_error() -> None:
    assert str(mean([0.1, 0.3])) == "+0.200 ±0.196"
    assert str(mean([])) == "-"
