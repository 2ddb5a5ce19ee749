"""Error, change, success: what ended the error is learned, and only then."""

from palimpsest.learning.candidate import say_the_same
from palimpsest.learning.extraction import extract_candidates
from palimpsest.memory.model import Fix
from tests.support.agent_work import (
    LINT,
    ROOT,
    Doing,
    mended,
)


def fixes(doing: Doing) -> list[Fix]:
    found = extract_candidates(doing.messages, ROOT)
    return [candidate.detail for candidate in found if isinstance(candidate.detail, Fix)]


def test_the_change_of_the_line_complained_of_is_the_remedy() -> None:
    [fix] = fixes(mended())
    assert fix.signature == "Error return value of <name> is not checked (errcheck)"
    assert fix.command == "make lint"
    assert fix.remedy == (
        "in `app/main.go` `os.Remove(path)` became `_ = os.Remove(path) //nolint:errcheck`"
    )
    assert "os.Remove" in fix.error


def test_without_success_nothing_is_learned() -> None:
    doing = Doing().run("make lint", LINT, fails=True).edit("app/main.go", "os.Remove(path)", "x()")
    assert fixes(doing) == []
    assert fixes(doing.run("make lint", LINT, fails=True)) == []


def test_success_of_another_check_ends_nothing() -> None:
    doing = Doing().run("make lint", LINT, fails=True)
    doing.edit("app/main.go", "os.Remove(path)", "_ = os.Remove(path)").run("make test", "ok")
    assert fixes(doing) == []


def test_a_change_that_did_not_help_is_not_the_remedy() -> None:
    doing = Doing().run("make lint", LINT, fails=True)
    doing.edit("app/main.go", "os.Remove(path)", "os.Remove(path) // hm")
    doing.run("make lint", LINT, fails=True)
    doing.edit("app/main.go", "os.Remove(path) // hm", "_ = os.Remove(path)").run("make lint", "ok")
    [fix] = fixes(doing)
    assert "hm" not in fix.remedy.partition("became")[2]


def test_among_many_changes_none_is_guessed() -> None:
    doing = Doing().run("make lint", "Exit code 1\nerror: the cache is poisoned", fails=True)
    for number in range(5):
        doing.edit(f"app/{number}.go", f"a{number} := 1", f"b{number} := 2")
    assert fixes(doing.run("make lint", "ok")) == []


def test_the_command_given_instead_is_the_remedy() -> None:
    doing = Doing().run(
        "git show HEAD --no-stat", "fatal: unrecognized argument: --no-stat", fails=True
    )
    [fix] = fixes(doing.run("git show HEAD --stat", "a | 1 +"))
    assert fix.remedy == "`git show HEAD --stat` instead of `git show HEAD --no-stat`"


def test_an_installation_is_a_remedy() -> None:
    doing = Doing().run(
        "make test", "Exit code 1\nModuleNotFoundError: No module named 'yaml'", fails=True
    )
    [fix] = fixes(doing.run("pip install pyyaml", "ok").run("make test", "1 passed"))
    assert fix.remedy == "`pip install pyyaml`"


def test_another_check_is_no_other_way_of_the_same() -> None:
    doing = Doing().run("make lint", "Exit code 1\nerror: the cache is poisoned", fails=True)
    assert fixes(doing.run("make test", "ok")) == []


def test_two_remedies_are_alike_by_what_they_bring() -> None:
    [one], [other] = fixes(mended("path")), fixes(mended("other.file"))
    assert one != other
    assert say_the_same(one, other)
    [handled] = fixes(
        Doing()
        .run("make lint", LINT, fails=True)
        .edit(
            "app/main.go", "os.Remove(path)", "if err := os.Remove(path); err != nil {\nreturn err"
        )
        .run("make lint", "ok")
    )
    assert not say_the_same(one, handled)
