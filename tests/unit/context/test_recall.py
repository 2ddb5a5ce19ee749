"""What was recalled: it stands where it was put for ever, also when the history is pruned."""

from typing import Any

import msgspec

from palimpsest.context.model import (
    Cause,
    Epoch,
    Injection,
    decode,
    encode,
)
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, RewriteOutcome, rewrite
from palimpsest.context.speech import Turn, newest_turn
from palimpsest.conversations.lineage import chain, project_of, root
from palimpsest.dialects.anthropic.blocks import text_block
from palimpsest.dialects.anthropic.dialect import DIALECT
from palimpsest.dialects.anthropic.models import lookup
from tests.support.messages import (
    Message,
    assistant,
    loop,
    text,
    user,
    view,
)
from tests.support.scenario import scenario

OLD, NEW = "claude-opus-4-5", "claude-opus-5-5"
POLICY = Policy(keep=2, target_share=0.3, cold_share=0.5, warm_share=1.0)


def recall(position: int, words: str = "It was port 5433.") -> Injection:
    return Injection(position, text_block(words), 10, ("mem_1",), "hit;archive=1;tokens=10")


def sent(
    messages: list[Message],
    recorded: Epoch | None = None,
    recalled: Injection | None = None,
    limit: int = 1_000_000,
    model: str = OLD,
) -> RewriteOutcome:
    request = view(messages, model=model)
    info = lookup(model)
    situation = Conditions(info, limit, info.ratio)
    hashes = chain(root("default"), request.messages, DIALECT)
    return rewrite(request, hashes, recorded, situation, POLICY, recalled)


def last_block(found: RewriteOutcome, position: int) -> Any:
    return msgspec.json.decode(found.messages[position])["content"][-1]


def epoch_of(found: RewriteOutcome) -> Epoch:
    assert found.epoch
    return found.epoch


def test_it_stands_at_the_end_of_the_turn_and_nothing_else_changes() -> None:
    messages = [user("Which port?")]
    found = sent(messages, recalled=recall(0))
    assert found.is_new
    assert epoch_of(found).cause is Cause.INJECTION
    assert epoch_of(found).number == 0
    assert last_block(found, 0) == text("It was port 5433.")
    assert found.tokens > found.tokens_before


def test_later_turns_carry_it_byte_for_byte() -> None:
    messages = [user("Which port?")]
    first = sent(messages, recalled=recall(0))
    later = sent([*messages, *loop(3)[1:]], epoch_of(first))
    assert not later.is_new
    assert later.messages[0] == first.messages[0]
    assert decode(encode(epoch_of(first))) == epoch_of(first)


def test_a_second_one_keeps_the_first() -> None:
    messages = scenario("""
        user: Which port?
        assistant: 5433.
        user: And the host?
    """)
    first = sent(messages[:1], recalled=recall(0))
    second = sent(messages, epoch_of(first), recall(2, "It was db-2."))
    assert second.messages[0] == first.messages[0]
    assert last_block(second, 2) == text("It was db-2.")
    assert [recall.position for recall in epoch_of(second).injections] == [0, 2]


def test_the_same_turn_may_be_recalled_for_and_pruned() -> None:
    messages = [*loop(60), assistant(text("Done.")), user("Which port?")]
    found = sent(messages, recalled=recall(len(messages) - 1), limit=40_000)
    epoch = epoch_of(found)
    assert epoch.cause is Cause.PRESSURE
    assert last_block(found, -1) == text("It was port 5433.")
    assert epoch.pruned_depth() == len(messages)


def test_pruning_keeps_what_thinking_is_bound_to_and_the_newest() -> None:
    """Thinking before the first change stays, and what was recalled before it must stay too."""
    messages = scenario("""
        user: Which port?
        thinking: a
        assistant: 5433.
        user: Go on.
        thinking: b
        assistant: Yes.
    """)
    first = sent(messages[:1], recalled=recall(0), model=NEW)
    messages += loop(60)
    old = len(messages) + 1
    messages += scenario("""
        assistant: Well.
        user: Which host?
        assistant: db-2.
    """)
    second = sent(messages[: old + 1], epoch_of(first), recall(old, "It was db-2."), model=NEW)
    messages += loop(60)
    messages += scenario("""
        assistant: Done.
        user: Which user?
    """)
    place = len(messages) - 1
    found = sent(messages, epoch_of(second), recall(place, "It was bob."), 60_000, NEW)
    epoch = epoch_of(found)
    assert epoch.cause is Cause.PRESSURE
    first_change = min(decision.position for decision in epoch.decisions)
    kept = [recall.position for recall in epoch.injections]
    assert kept == [
        position for position in (0, place) if position < first_change or position == place
    ]
    assert first_change < old
    assert all(
        decision.thinking or decision.drop
        for decision in epoch.decisions
        if "thinking" in str(messages[decision.position])
    )


def test_an_epoch_of_before_reads_as_it_was() -> None:
    epoch = epoch_of(sent(loop(60), limit=40_000))
    stored = msgspec.msgpack.decode(encode(epoch))
    old = msgspec.msgpack.encode((stored[0], stored[1][:8]))
    assert decode(old) == epoch
    assert decode(old).pruned_depth() == epoch.depth


def test_the_newest_turn_is_what_a_person_said_since_the_model_spoke() -> None:
    reminder = "<system-reminder>Be brief.</system-reminder>"
    messages = scenario(
        """
        user: Old.
        assistant: Yes.
        user: $reminder
        user: New.
        system: Mind.
        """,
        reminder=reminder,
    )
    assert newest_turn(view(messages[:3])) == Turn(2, "New.")
    assert newest_turn(view(messages)) == Turn(2, "New.")
    assert newest_turn(view(messages[:2])) is None
    assert newest_turn(view(loop(2))) is None
    assert newest_turn(view([user(reminder)])) is None


def test_the_project_is_the_clients_working_directory() -> None:
    told = "Environment\\n - Primary working directory: /home/a b/proj\\n - Is a git repository"
    for request in (
        view([user("Hi.")], system=f"Say yes.\n{told}".replace("\\n", "\n")),
        view([user(told.replace("\\n", "\n"))]),
        view([user("<environment_context><cwd>/home/a b/proj</cwd>")]),
        view([user("Primary working directory: /home/a b/proj (was /tmp)")]),
    ):
        assert project_of(request) == "/home/a b/proj"
    assert project_of(view([user("Working directory: C:\\Users\\me")])) == "C:\\Users\\me"
    assert project_of(view([user("Hi.")])) == ""
