"""Which results a later call needs."""

from harness.eval.needs import Needs
from harness.eval.sessions import Session
from tests.support.eval_sessions import (
    call,
    reply,
    result,
    session,
    user,
)

LINE = "def the_function_in_question(value: int) -> int:"


def talk(*later: str) -> Session:
    """Two files are read, others follow, then the first is edited by a line of it."""
    messages = [user("Mend it.")]
    for use, path, said in (("a", "/src/a.py", f"  1→{LINE}\n"), ("b", "/src/b.py", "nothing\n")):
        messages += [reply(call(use, file_path=path)), user(result(use, said))]
    for number, said in enumerate(later):
        use = f"later{number}"
        messages += [reply(call(use, file_path="/src/c.py")), user(result(use, said))]
    edit = call("edit", "Edit", file_path="/src/elsewhere.py", old_string=LINE)
    return session(*messages, reply(edit), user(result("edit", "ok")), reply("Done."))


def test_a_line_that_is_used_later_is_needed() -> None:
    assert Needs.from_session(talk()).needed_at(5) == {"a"}


def test_not_if_it_was_read_again_before_it_was_used() -> None:
    found = Needs.from_session(talk(f"{LINE}\n"))
    assert found.needed_at(5) == set()
    assert found.needed_at(7) == {"later0"}


def test_the_same_path_is_a_need() -> None:
    found = talk("x\n", "y\n")
    assert Needs.from_session(found).needed_at(7) == {"a", "later0"}


def test_words_that_many_results_hold_are_none() -> None:
    assert Needs.from_session(talk(*[f"{LINE}\n"] * 3)).needed_at(11) == set()
    assert Needs.from_session(talk(*[f"{LINE}\n"] * 2)).needed_at(9) == {"later1"}


def test_only_the_next_forty_requests_count() -> None:
    assert Needs.from_session(talk(*["x\n"] * 39)).needed_at(5) == {"a"}
    assert Needs.from_session(talk(*["x\n"] * 40)).needed_at(5) == set()
