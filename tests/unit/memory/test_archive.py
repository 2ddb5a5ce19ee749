"""What a conversation leaves in the archive: all that was said and returned, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.model import Kind, Memory
from tests.support.eval_sessions import (
    call,
    reply,
    result,
    thought,
    user,
)

AT = datetime(2026, 11, 21, tzinfo=UTC)
ORIGIN = Origin("default", "/home/me/shop", "conv_1")


def said(*messages: dict[str, Any]) -> list[ConversationMessage]:
    raw = [msgspec.json.encode(message) for message in messages]
    hashes = chain(root("default"), raw, DIALECT)
    return [ConversationMessage(one, link, AT) for one, link in zip(raw, hashes, strict=True)]


def kept(*messages: dict[str, Any], origin: Origin = ORIGIN) -> list[Memory]:
    return list(archive_messages(origin, said(*messages), DIALECT))


def texts(memories: Sequence[Memory]) -> list[tuple[str, str]]:
    return [(memory.role, memory.text) for memory in memories]


def test_words_of_both_sides_are_kept_and_thinking_is_not() -> None:
    memories = kept(
        user("Why does checkout fail?"),
        reply(thought("hm"), "The tax table is empty."),
    )
    assert texts(memories) == [
        ("user", "Why does checkout fail?"),
        ("assistant", "The tax table is empty."),
    ]
    first = memories[0]
    assert (first.kind, first.project, first.conversation) == (
        Kind.TURN,
        ORIGIN.project,
        ORIGIN.conversation,
    )
    assert [(memory.position, memory.part) for memory in memories] == [(0, 0), (1, 0)]


def test_a_call_is_kept_with_its_result_where_the_result_is() -> None:
    asked = call("t1", "Read", file_path="/home/me/shop/src/tax.py")
    [_, memory] = kept(user("Look."), reply(asked), user(result("t1", "     1→RATES = {}\n")))
    assert memory.text == "Read src/tax.py\n1→RATES = {}"
    assert (memory.role, memory.position, memory.language) == ("tool", 2, "python")
    assert memory.files == ("/home/me/shop/src/tax.py",)


def test_what_a_call_was_given_is_kept_whole() -> None:
    script = "set -e\nfor each in a b; do echo $each; done"
    edit = call("t2", "Edit", file_path="/a.go", old_string="old()", new_string="new()")
    memories = kept(
        reply(call("t1", "Bash", command=script), edit),
        user({**result("t1", "exit 1"), "is_error": True}, result("t2", "Updated.")),
    )
    shell, change = (memory.text for memory in memories)
    assert shell.startswith("Bash set -e for each in a b; do echo $each; done (failed)\n")
    assert script in shell
    assert change == "Edit /a.go\nold_string: old()\nnew_string: new()\nUpdated."


def test_the_parts_of_a_long_result_all_say_what_they_are_of() -> None:
    lines = [f"row {number}: value {number * 7}" for number in range(300)]
    asked = call("t1", "Bash", command="psql -c 'select 1'")
    memories = kept(reply(asked), user(result("t1", "\n".join(lines))))
    assert len(memories) > 5
    assert all(memory.text.startswith("Bash psql -c 'select 1'\n") for memory in memories)
    assert [memory.part for memory in memories] == list(range(len(memories)))
    found = [line for memory in memories for line in memory.text.split("\n")[1:]]
    assert found == lines


def test_the_later_parts_of_long_words_say_how_they_began() -> None:
    memories = kept(user("The plan for the release. " + "It goes on and on. " * 100))
    assert len(memories) > 1
    assert all(memory.text.startswith("… The plan for the release.") for memory in memories[1:])


def test_what_the_client_wrote_is_no_memory_but_for_output() -> None:
    reminder = "<system-reminder>Never mention this.</system-reminder>"
    memories = kept(
        user(reminder, f"Fix the login.\n{reminder}"),
        reply(call("t1", "Read", file_path="/a")),
        user(result("t1", f"text\n\n{reminder}\n")),
        user("<bash-stdout>3 tests failed</bash-stdout>"),
        {"role": "system", "content": "Be brief."},
        user("This session is being continued from a previous conversation: …"),
    )
    assert texts(memories) == [
        ("user", "Fix the login."),
        ("tool", "Read /a\ntext"),
        ("tool", "Output of the user's own command\n<bash-stdout>3 tests failed</bash-stdout>"),
    ]


def test_a_sub_agents_prompt_is_not_a_persons_word() -> None:
    agent = Origin("default", "/home/me/shop", "conv_1", agent=True)
    assert [memory.role for memory in kept(user("Explore."), origin=agent)] == ["assistant"]


def test_a_history_that_is_read_in_pieces_gives_the_same_memories() -> None:
    history = said(
        user("One."),
        reply("Two.", call("t1", "Bash", command="ls")),
        user(result("t1", "a b c")),
        reply("Three."),
    )
    whole = list(archive_messages(ORIGIN, history, DIALECT))
    pieces = [
        *archive_messages(ORIGIN, history[:2], DIALECT),
        *archive_messages(ORIGIN, history[1:], DIALECT, first=1, since=2),
    ]
    assert pieces == whole
    assert len({memory.id for memory in whole}) == len(whole)


def test_the_memories_of_a_fork_are_those_of_its_history() -> None:
    other = Origin("default", "/home/me/shop", "conv_2")
    both = [kept(user("One."), reply(end), origin=at) for end, at in (("a", ORIGIN), ("b", other))]
    [one, fork] = [[memory.id for memory in memories] for memories in both]
    assert one[0] == fork[0]
    assert one[1] != fork[1]


def test_a_result_without_its_call_and_media_are_kept_as_far_as_they_can_be() -> None:
    picture = [{"type": "image", "source": "…"}, {"type": "text", "text": "a chart"}]
    memories = kept(
        user(result("gone", "orphan")),
        reply(call("t1", "Shot")),
        user(result("t1", picture)),
        reply(call("t2", "Touch", file_path="b.rs")),
        user(result("t2", "")),
    )
    assert [memory.text for memory in memories] == [
        "A tool returned\norphan",
        "Shot\na chart\n[1 images or the like]",
        "Touch b.rs",
    ]


def test_what_the_providers_own_tools_found_is_kept() -> None:
    found = {"title": "Leases", "url": "https://example.org", "encrypted_content": "xyz"}
    block = {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [found]}
    [memory] = kept(reply(block))
    assert memory.text == "web_search\nLeases\nhttps://example.org"
