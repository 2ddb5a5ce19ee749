"""Commands, corrections and files that change together."""

import pytest

from palimpsest.learning.corrections import find_rules
from palimpsest.learning.extraction import extract_candidates
from palimpsest.learning.model import CandidateKind
from palimpsest.memory.model import Pattern
from tests.support.agent_work import ROOT, Doing


def steps(doing: Doing, what: CandidateKind) -> list[tuple[str, ...]]:
    found = [one for one in extract_candidates(doing.messages, ROOT) if one.kind == what]
    return [one.detail.steps for one in found if isinstance(one.detail, Pattern)]


def test_a_check_that_worked_is_a_recipe_the_surer_the_more_often() -> None:
    doing, found = Doing(), list[float]()
    for _ in range(3):
        doing.run("make test", "ok")
        assert steps(doing, CandidateKind.COMMAND) == [("`make test`",)]
        found += [one.confidence for one in extract_candidates(doing.messages, ROOT)]
    assert found == [0.3, 0.8, 0.8]


def test_what_everybody_does_is_none() -> None:
    doing = Doing().run("go test ./... -run TestA -v", "ok").run("go build ./cmd/a", "")
    assert steps(doing, CandidateKind.COMMAND) == []


def test_what_it_was_limited_to_is_left_open() -> None:
    doing = Doing().run("go test -tags=e2e ./cmd/a/... -run TestX", "ok")
    doing.run("go test -tags=e2e ./cmd/b -run TestY", "ok")
    [found] = [one for one in extract_candidates(doing.messages, ROOT) if one.kind == "command"]
    assert isinstance(found.detail, Pattern)
    assert found.detail.steps == ("`go test -tags=e2e <path> -run <name>`",)
    assert found.detail.example == "go test -tags=e2e ./cmd/a/... -run <name>"


def test_what_never_worked_is_none() -> None:
    doing = Doing().run("make tset", "make: *** No rule", fails=True)
    assert (
        steps(doing.run("make tset", "make: *** No rule", fails=True), CandidateKind.COMMAND) == []
    )


def test_what_reads_is_none() -> None:
    doing = Doing().run("git status").run("git status").run("ls tests").run("ls tests")
    assert steps(doing, CandidateKind.COMMAND) == []


@pytest.mark.parametrize(
    "text",
    [
        "Always run the linter before you commit.",
        "no, never edit the generated files by hand",
        "please use pnpm instead of npm",
        "From now on write the tests first.",
        "we use go-git, not the git command",
        "don't mock the database in tests",
        "Remember that we release from the stable branch.",
    ],
)
def test_a_rule_is_kept_in_the_users_words(text: str) -> None:
    assert [rule for rule, _ in find_rules(text)] == [text]
    assert steps(Doing().say(text), CandidateKind.CORRECTION) == [(text,)]


@pytest.mark.parametrize(
    "text",
    [
        "can you always see the file here?",
        "the loop never ends when the list is empty",
        "don't commit this yet",
        "yes, but we don't need to commit",
        "why don't we use the other one?",
        "fix test",
        "never mind",
        "```\nalways use tabs in this file\n```",
        "no, ignore this part, back to the changes",
        "always be careful " + "x" * 400,
    ],
)
def test_what_is_about_the_task_is_no_rule(text: str) -> None:
    assert list(find_rules(text)) == []


def test_what_is_said_to_a_refused_call_counts() -> None:
    refused = "The user doesn't want to proceed with this tool use. To tell you how to proceed, "
    refused += "the user said:\nuse the fixtures instead of real files"
    doing = Doing().run("cp a b", refused, fails=True)
    assert steps(doing, CandidateKind.CORRECTION) == [("use the fixtures instead of real files",)]


def test_the_clients_own_words_do_not() -> None:
    doing = Doing().say("<system-reminder>Always use the todo tool.</system-reminder>")
    assert steps(doing, CandidateKind.CORRECTION) == []


def test_files_that_change_for_one_request_go_together() -> None:
    doing = Doing().edit("app/routes.py", "a", "b").edit("docs/routes.md", "a", "b")
    doing.say("and the other").edit("app/routes.py", "c", "d").edit("docs/routes.md", "c", "d")
    assert steps(doing, CandidateKind.CO_CHANGE) == [
        ("see whether `docs/routes.md` has to change too",)
    ]


def test_a_source_and_its_test_are_no_news() -> None:
    doing = Doing().edit("app/a.go", "a", "b").edit("app/a_test.go", "a", "b")
    assert steps(doing, CandidateKind.CO_CHANGE) == []


def test_what_mostly_changes_alone_is_not_together() -> None:
    doing = Doing().edit("app/a.go", "a", "b").edit("app/b.go", "a", "b")
    for _ in range(3):
        doing.say("again").edit("app/a.go", "x", "y")
    assert steps(doing, CandidateKind.CO_CHANGE) == []


def test_a_large_change_teaches_nothing() -> None:
    doing = Doing()
    for number in range(9):
        doing.edit(f"app/{number}.go", "a", "b")
    assert steps(doing, CandidateKind.CO_CHANGE) == []
