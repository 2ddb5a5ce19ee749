"""A short run of `make chaos`: real processes, real kills."""

from pathlib import Path

import pytest

from harness.chaos.run import Options, run


@pytest.mark.alone
async def test_nothing_is_lost_and_nothing_is_paid_for_twice(tmp_path: Path) -> None:
    report = await run(Options(seconds=22, seed=7, clients=16), tmp_path)

    assert report.passed, [report.line(), *report.problems]
    assert report.figures["answered"] > 20
    assert {"edge kill", "temporal kill", "postgres kill"} <= set(report.figures["blows"])
