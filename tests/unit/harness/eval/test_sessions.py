"""Recorded sessions become one conversation each, every prefix of which is a valid request."""

from pathlib import Path

from harness.eval.sessions import HALVES, load, paths
from harness.simulator import rules_tools
from harness.simulator.models import find
from harness.simulator.rules_messages import check as check_messages
from tests.support.eval_sessions import (
    call,
    loop,
    reply,
    result,
    text,
    thought,
    user,
    write,
)

SUMMARY = "This session is being continued from a previous conversation that ran out of context."


def test_segments_are_joined_without_the_client_s_summary(tmp_path: Path) -> None:
    later = [user(SUMMARY), reply("Going on."), user("Good.")]
    found = load(write(tmp_path, "joined", [user("Hello."), reply("Hi.")], later))
    said = [block["text"] for turn in found.turns for block in turn.message["content"]]
    assert said == ["Hello.", "Hi.", "Please continue.", "Going on.", "Good."]
    assert found.starts == (2,)


def test_times_and_true_sizes_are_kept(tmp_path: Path) -> None:
    first = {**user("Hello."), "_ts": "2026-01-01T00:00:00Z"}
    second = {**reply("Hi."), "_ts": "2026-01-01T00:00:07Z", "_usage": {"input": 123}}
    found = load(write(tmp_path, "timed", [first, second]))
    assert found.turns[1].at - found.turns[0].at == 7
    assert [turn.prompt for turn in found.turns] == [None, 123]
    assert found.turns[1].message == reply("Hi.")


def test_what_a_recording_left_open_is_mended(tmp_path: Path) -> None:
    recorded = [
        user("Hello."),
        reply(text("\n\n"), thought("hm"), call("a"), call("b")),
        user("Stop!", result("b", "x"), result("stray", "y")),
        reply(call("a")),
        user(result("a", "again")),
        reply(call("c")),
    ]
    found = load(write(tmp_path, "mended", recorded))
    messages = [turn.message for turn in found.turns]
    model = find("claude-opus-5-5")
    assert model is not None
    for position in found.calls:
        check_messages({"messages": messages[:position]}, model, frozenset())
        rules_tools.check(messages[:position])
    answers = [block.get("tool_use_id") for block in messages[2]["content"]]
    assert sorted(answers[:2]) == ["a", "b"]
    assert answers[2:] == [None]
    assert messages[1]["content"][0]["type"] == "thinking"
    assert messages[3]["content"][0]["id"] == messages[4]["content"][0]["tool_use_id"] != "a"
    assert found.calls == [1, 3, 5]


def test_the_halves_go_by_the_id(tmp_path: Path) -> None:
    names = [f"session-{number}" for number in range(40)]
    for name in names:
        write(tmp_path, name, loop(1))
    halves = {load(path).id: load(path).half for path in paths(tmp_path)}
    assert set(halves) == set(names)
    assert set(halves.values()) == set(HALVES)


def test_the_system_speaks_between_turns_only(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Mind the time."}
    recorded = [
        user("Hello."),
        reply(call("a")),
        system,
        user(result("a", "x")),
        reply("Hm."),
        system,
    ]
    found = load(write(tmp_path, "system", [*recorded, reply("Well.")]))
    roles = [turn.message["role"] for turn in found.turns]
    assert roles == ["user", "assistant", "user", "assistant", "system", "assistant"]
