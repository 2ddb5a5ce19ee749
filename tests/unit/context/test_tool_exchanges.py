"""Tool exchanges found, and those that are never touched."""

from typing import Any

from palimpsest.context.protection import protected
from palimpsest.context.tool_exchanges import ToolExchange, find_tool_exchanges
from palimpsest.dialects.anthropic.blocks import parse_message
from tests.support.messages import Message, exchange, loop, raw, user
from tests.support.scenario import scenario


def found(messages: list[Message]) -> list[ToolExchange]:
    return list(find_tool_exchanges([parse_message(message) for message in raw(messages)]))


def test_parallel_calls_are_one_exchange() -> None:
    (one,) = found(
        scenario("""
            user: go
            assistant: I look.
            call 1 Read: path=a
            call 2 Grep:
            result 2 failed: two
            result 1: one
            user: and then
        """)
    )
    assert (one.position, one.result_position) == (1, 2)
    first, second = one.calls
    assert (first.name, first.input, first.output, first.result_block) == (
        "Read",
        {"path": "a"},
        "one",
        1,
    )
    assert (second.name, second.is_error, second.result_block) == ("Grep", True, 0)


def test_a_call_without_its_answer_is_no_exchange() -> None:
    assert not found(
        scenario("""
        user: go
        call 1:
        call 2:
        result 1: x
    """)
    )
    assert not found(
        scenario("""
        user: go
        call 1:
    """)
    )


def guarded(messages: list[Message], newest: int = 1) -> set[int]:
    return protected(found(messages), newest)


def test_the_newest_are_protected() -> None:
    assert guarded(loop(5), 2) == {7, 9}


def names(call: list[Message], **changes: Any) -> list[Message]:
    return [user("go"), *call, *loop(3)[1:]]


def test_skills_answers_and_references_are_protected() -> None:
    for name in ("Skill", "AskUserQuestion", "ExitPlanMode"):
        assert 1 in guarded(names(exchange(90, "text", name)))
    reference = exchange(90, [{"type": "tool_reference", "tool_name": "x"}])
    assert 1 in guarded(names(reference))
    assert 1 not in guarded(names(exchange(90, "text", "Bash")))


def test_what_the_user_said_to_a_refused_call_is_protected() -> None:
    refused = scenario("""
        call 90 Bash:
        result 90 failed: The user doesn't want to proceed: use uv instead
    """)
    assert 1 in guarded(names(refused))


def test_only_the_newest_todo_list_is_protected() -> None:
    lists = [*exchange(90, "ok", "TodoWrite"), *exchange(91, "ok", "TodoWrite")]
    kept = guarded([user("go"), *lists, *loop(3)[1:]])
    assert (1 in kept, 3 in kept) == (False, True)


def test_tasks_are_protected_until_they_are_done() -> None:
    def history(status: str) -> list[Message]:
        made = exchange(90, "Task #7 created successfully: x", "TaskCreate", subject="x")
        changed = exchange(91, "Updated", "TaskUpdate", taskId="7", status=status)
        return [user("go"), *made, *changed, *loop(3)[1:]]

    assert guarded(history("in_progress")) >= {1, 3}
    assert not guarded(history("completed")) & {1, 3}
