"""What sessions teach is found, put together and measured by the labels."""

from pathlib import Path

import pytest

from harness.eval.labels import Label, interval, labels
from harness.eval.learning import (
    Foresight,
    main,
    measure_foresight,
    measure_precision,
)
from harness.eval.lessons import groups, read_lessons
from tests.support.agent_work import LINT, Doing, mended
from tests.support.eval_sessions import Message, user, write


def messages(doing: Doing) -> list[Message]:
    return doing.built


def test_a_fix_of_two_sessions_is_offered(tmp_path: Path) -> None:
    files = [
        write(tmp_path, "a", messages(mended("path"))),
        write(tmp_path, "b", messages(mended("other.file"))),
        write(tmp_path, "c", [user("hello")]),
    ]
    found = read_lessons([*files, tmp_path / "torn.json.gz"])
    assert [one.session for one in found] == ["a", "a", "b", "b"]
    [fix, lint] = [[one.session for one in group] for group in groups(found)]
    assert fix == lint == ["a", "b"]
    known = {
        one.key: Label(one.session, one.candidate.position, one.candidate.kind, one.key, right)
        for one, right in zip(found, (True, False, True, True), strict=True)
    }
    rows = {
        (row.which, row.what): (row.found, row.right) for row in measure_precision(files, known)
    }
    assert rows["candidates", "fix"] == (2, 2)
    assert rows["offered", "fix"] == (1, 1)
    assert rows["offered", "command"][0] == 1
    assert rows["offered", "all"][0] == 2


def test_what_is_offered_is_held_against_what_was_done_later(tmp_path: Path) -> None:
    files = [write(tmp_path, name, messages(mended(name))) for name in "abcd"]
    assert measure_foresight(files[:2]) == Foresight(0, 0)
    assert measure_foresight(files) == Foresight(2, 2)
    doing = Doing().run("make lint", LINT, fails=True)
    doing.edit("app/main.go", "os.Remove(path)", "if err := os.Remove(path); err != nil {")
    other = write(tmp_path, "e", messages(doing.run("make lint", "ok")))
    assert measure_foresight([*files, other]) == Foresight(3, 2)


def test_the_labels_are_enough_and_hold_no_text() -> None:
    known = labels()
    assert len(known) >= 100
    for label in known.values():
        assert len(label.session) == 36
        assert bytes.fromhex(label.key)
        assert label.what in ("fix", "command", "correction", "together")


def test_an_interval_holds_the_share() -> None:
    low, high = interval(9, 10)
    assert low == pytest.approx(0.596, abs=0.001)
    assert high == pytest.approx(0.982, abs=0.001)
    assert interval(0, 0) == (0.0, 1.0)


def test_it_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "a", messages(mended()))
    main(["--data", str(tmp_path)])
    assert "fix" in capsys.readouterr().out
