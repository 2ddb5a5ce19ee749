"""The benchmarks of recall on made ones: their loaders, the measures, the table and the file."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import msgspec
import pytest

from harness.eval import locomo, longmemeval, needle_recovery
from harness.eval.benchmarks import ALL
from harness.eval.index import TENANT, EvalIndex
from harness.eval.needles import SHAPES, Needle, NeedlePlace
from harness.eval.questions import Place
from harness.eval.recall import WAYS
from harness.eval.recall_benchmark import RecallResults, main
from palimpsest.memory.model import Kind, Memory, memory_id
from palimpsest.memory.query import Query
from tests.support import eval_benchmarks as benchmarks_made
from tests.support import eval_sessions as made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    benchmarks_made.write(tmp_path)
    return tmp_path


def test_a_dialogue_is_turns_and_questions_that_have_an_answer(data: Path) -> None:
    [path] = locomo.paths(data)
    [stack] = locomo.load(path)
    assert [memory.text for memory in stack.memories] == [
        f"{speaker}: {text}" for speaker, text in benchmarks_made.TOLD
    ]
    assert [question.kind for question in stack.questions] == ["single-hop", "multi-hop"]
    assert stack.questions[0].evidence == {Place("talk 1", 1)}
    assert stack.questions[1].evidence == {Place("talk 1", 2), Place("talk 1", 4)}
    assert stack.questions[0].at.isoformat() == "2023-05-08T13:56:00+00:00"


def test_a_haystack_goes_through_the_archive(data: Path) -> None:
    [path] = longmemeval.paths(data)
    [stack] = longmemeval.load(path)
    assert len(stack.memories) == 6
    assert {memory.role for memory in stack.memories} == {"user", "assistant"}
    [question] = stack.questions
    assert question.evidence == {Place("q1 0", 2)}
    assert question.conversations == {"q1 0"}


def test_every_way_is_measured(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = data / "recall.json"
    main(["--data", str(data), "--output", str(output)])
    found = msgspec.json.decode(output.read_bytes(), type=RecallResults).benchmarks
    total = {(row.benchmark, row.way): row for row in found.rows if row.kind == ALL}
    assert set(total) == {(name, way) for name in ("LoCoMo", "LongMemEval") for way in WAYS}
    assert total["LoCoMo", "palimpsest"].questions == 2
    # All is found where all fits.
    assert {row.at_tokens for row in total.values()} == {(1.0,) * 4}
    assert total["LongMemEval", "palimpsest"].conversations_at_5 == 1.0
    assert {(one.benchmark, one.memories) for one in found.shelved} == {
        ("LoCoMo", 4),
        ("LongMemEval", 6),
    }
    assert "palimpsest" in capsys.readouterr().out


def test_a_folder_without_benchmarks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--data", str(tmp_path), "--output", str(tmp_path / "none.json")])
    assert str(tmp_path) in capsys.readouterr().out
    assert not (tmp_path / "none.json").exists()


async def test_needles_that_an_epoch_cut_are_asked_for() -> None:
    answers = await needle_recovery.ask_for_needles([made.session(*made.loop(50, lines=120))])
    assert len(answers) >= 5
    assert all(one.told <= one.found and one.tokens <= needle_recovery.BUDGET for one in answers)
    assert sum(one.told for one in answers) >= 0.8 * len(answers)
    [total, *_] = needle_recovery.rows(answers)
    assert (total.kind, total.needles) == ("all", len(answers))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_needle_is_asked_for_without_its_key(shape: str) -> None:
    key, text = SHAPES[shape](Random(1))
    asked = needle_recovery.ask_without_key(Needle(NeedlePlace.TOOL, shape, key, text, 0))
    assert asked.endswith("?")
    assert key not in asked
    assert "{" not in asked


async def test_an_index_answers_within_a_project_only() -> None:
    async with EvalIndex.running() as index:
        for project in ("one", "two"):
            text = f"The harbour of {project} is closed."
            name = memory_id(TENANT, project, Kind.TURN, text)
            at = datetime(2026, 1, 1, tzinfo=UTC)
            kind = Kind.TURN
            memory = Memory(
                id=name, tenant=TENANT, project=project, kind=kind, text=text, said_at=at
            )
            await index.add([memory])
        [found] = await index.retrieve(Query("Which harbour is closed?", "two"))
        assert found.project == "two"
        for way in (index.search_words, index.search_meaning, index.search_fused):
            assert [one.project for one in await way("harbour", "one", 5)] == ["one"]
