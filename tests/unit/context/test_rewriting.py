"""Epochs: when they begin, what they take, and that they hold."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from palimpsest.context.model import (
    Cause,
    Decision,
    Epoch,
    Reason,
)
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, RewriteOutcome, rewrite
from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT
from palimpsest.dialects.anthropic.models import lookup
from palimpsest.dialects.model import ModelInfo
from tests.support.messages import (
    Message,
    assistant,
    exchange,
    loop,
    text,
    thought,
    user,
    view,
)
from tests.support.scenario import scenario

OLD = lookup("claude-opus-4-5")
NEW = lookup("claude-opus-5-5")
POLICY = Policy(keep=2, target_share=0.3, cold_share=0.5, warm_share=1.0)


def outcome(
    messages: list[Message],
    limit: int,
    recorded: Epoch | None = None,
    info: ModelInfo = OLD,
    policy: Policy = POLICY,
    **situation: Any,
) -> RewriteOutcome:
    request = view(messages, model=info.name)
    hashes = chain(root("default"), request.messages, DIALECT)
    return rewrite(
        request, hashes, recorded, Conditions(info, limit, info.ratio, **situation), policy
    )


def contents(found: RewriteOutcome) -> list[Any]:
    return [msgspec.json.decode(message)["content"] for message in found.messages]


def said(found: RewriteOutcome) -> str:
    return b"".join(found.messages).decode()


def began(found: RewriteOutcome) -> Epoch:
    assert found.is_new
    assert found.epoch is not None
    return found.epoch


def reasons(found: RewriteOutcome) -> set[Reason | None]:
    decisions = began(found).decisions
    edits = {edit.reason for decision in decisions for edit in decision.edits}
    return edits | {decision.drop for decision in decisions} | {d.thinking for d in decisions}


def test_below_pressure_everything_passes_as_it_came() -> None:
    found = outcome(loop(10), 100_000)
    assert (found.epoch, found.is_new) == (None, False)
    assert found.messages == view(loop(10)).messages
    assert found.tokens == found.tokens_before > 1_000


def test_at_pressure_one_rewrite_goes_well_below_the_mark() -> None:
    found = outcome(loop(40), 40_000)
    assert began(found).cause is Cause.PRESSURE
    assert found.tokens_before > 40_000
    assert found.tokens < 20_000
    assert abs(found.tokens - began(found).tokens_after) < 0.02 * found.tokens


def test_what_is_never_touched() -> None:
    messages = loop(40)
    messages[31:31] = [*exchange(900, "Use uv. " * 50, "Skill"), user("Also: keep it simple.")]
    messages[33]["content"].append(text("<system-reminder>Never push to main.</system-reminder>"))
    found = outcome(messages, 40_000)
    for kept in ("Mend the parser, please.", "Also: keep it simple.", "Never push", "Use uv. "):
        assert kept in said(found)
    assert contents(found)[-4:] == [message["content"] for message in messages[-4:]]


def test_an_epoch_holds_until_the_next() -> None:
    first = outcome(loop(40), 40_000)
    then = outcome(loop(42), 40_000, first.epoch)
    assert not then.is_new
    assert then.messages[: len(first.messages)] == first.messages
    later = outcome(loop(80), 40_000, first.epoch)
    assert began(later).number == 2
    assert later.tokens < 20_000


def test_same_input_same_bytes() -> None:
    one, other = outcome(loop(40), 40_000), outcome(loop(40), 40_000)
    assert one.messages == other.messages
    assert one.epoch == other.epoch


def test_a_cold_cache_is_used_when_it_pays() -> None:
    messages = loop(40)
    warm = outcome(messages, 100_000, idle=200.0)
    cold = outcome(messages, 100_000, idle=400.0)
    held = outcome(messages, 100_000, idle=400.0, ttl=3600.0)
    small = outcome(loop(20), 100_000, idle=400.0)
    assert [found.is_new for found in (warm, cold, held, small)] == [False, True, False, False]
    assert began(cold).cause is Cause.COLD


def test_a_warm_cache_is_given_up_when_the_calls_to_come_pay_for_it() -> None:
    thrifty = replace(POLICY, warm_share=0.5)
    early = outcome(loop(40), 100_000, policy=thrifty)
    assert began(early).cause is Cause.ECONOMY
    assert not outcome(loop(40), 100_000, policy=replace(thrifty, thrift=False)).is_new
    few = [user("go"), *exchange(1, "word " * 60_000), *loop(3, words=200)[1:]]
    assert outcome(few, 100_000).tokens > 50_000
    assert not outcome(few, 100_000, policy=thrifty).is_new


def test_duplicates_go_first() -> None:
    messages = loop(40)
    same = "the same long output " * 2_000
    messages[1:1] = [*exchange(901, same), *exchange(902, same), *exchange(903, same)]
    size = outcome(messages, 10**9).tokens
    found = outcome(messages, size - 10, policy=replace(POLICY, target=size - 1_000))
    assert reasons(found) == {Reason.DUPLICATE, None}
    assert said(found).count(same) == 1


def test_old_results_are_told_of() -> None:
    found = outcome(loop(60), 40_000)
    assert reasons(found) >= {Reason.OLD_RESULT, Reason.OLD_EXCHANGE}
    assert "<palimpsest" in said(found)
    assert "/src/file50.py" in said(found)


def thinking_loop(calls: int) -> list[Message]:
    messages = loop(calls)
    for message in messages:
        if message["role"] == "assistant":
            message["content"].insert(0, thought())
    return messages


def test_bound_thinking_goes_with_the_first_change() -> None:
    found = outcome(thinking_loop(40), 40_000, info=NEW)
    assert Reason.BOUND_THINKING in reasons(found)
    first = began(found).decisions[0].position
    kept = [m for m in contents(found) if any(b["type"] == "thinking" for b in m)]
    assert len(kept) <= first
    after = outcome([*thinking_loop(41)], 40_000, found.epoch, info=NEW)
    assert after.messages[-2] == view(thinking_loop(41)).messages[-2]


def test_thinking_after_an_older_change_does_not_come_back() -> None:
    talk = scenario("""
        user: Is it so?
        thinking: hm
        assistant: yes
        user: and?
        thinking: hm
        assistant: no
        user: go on
    """)
    messages = [*talk, *loop(40)[1:]]
    first = began(outcome(messages, 40_000, info=NEW))
    assert first.decisions[0].position > 3
    taken = tuple(Decision(at, thinking=Reason.OLD_THINKING) for at in (1, 3))
    before = msgspec.structs.replace(first, decisions=taken, depth=5, number=1)
    found = outcome(messages, 40_000, before, info=NEW)
    assert began(found).number == 2
    again = outcome([*messages, *loop(80)[81:]], 40_000, began(found), info=NEW)
    for one in (found, again):
        assert began(one).decisions[0].position == 1
        assert not any(b["type"] == "thinking" for content in contents(one) for b in content)


def test_thinking_that_the_api_may_drop_stays() -> None:
    found = outcome(thinking_loop(40), 40_000, info=NEW, escape=True)
    assert began(found).escape
    assert Reason.BOUND_THINKING not in reasons(found)


def test_thinking_stays_where_it_is_not_bound() -> None:
    found = outcome(thinking_loop(40), 40_000)
    newest = contents(found)[-2]
    assert newest[0]["type"] == "thinking"


def chat(turns: int) -> list[Message]:
    messages = [user("Let us talk.")]
    for turn in range(turns):
        answer = " ".join(f"answer{turn}x{word}" for word in range(200))
        messages += [assistant(thought(signature="s" * 900), answer), user(f"More of {turn}?")]
    return messages


def test_thinking_then_text_go_where_there_are_no_results() -> None:
    found = outcome(chat(60), 60_000)
    assert reasons(found) >= {Reason.OLD_THINKING, Reason.OLD_TEXT}
    assert all(f"More of {turn}?" in said(found) for turn in range(60))


def test_a_long_human_message_keeps_head_and_tail_at_last() -> None:
    words = [f"w{number}" for number in range(12_000)]
    messages = scenario(
        """
        user: $long
        assistant: ok
        user: short
        assistant: ok
        user: go
        """,
        long=" ".join(words),
    )
    found = outcome(messages, 20_000, policy=replace(POLICY, keep=1))
    assert Reason.LONG_TEXT in reasons(found)
    assert "w0 w1" in said(found)
    assert "w11999" in said(found)
    assert "w6000 " not in said(found)
    assert "#0" in said(found)


def test_what_cannot_be_made_smaller_goes_as_it_came() -> None:
    found = outcome([user(*["word " * 3_000] * 9)], 5_000)
    assert (found.epoch, found.is_new) == (None, False)


def test_a_plan_in_vain_is_not_made_again_for_a_little_more() -> None:
    words = [user(*["word " * 3_000] * 9)]
    vain = outcome(words, 60_000, idle=400.0)
    assert vain.vain
    assert not outcome(words, 60_000, idle=400.0, vain=vain.tokens).vain
    assert outcome([user(*["word " * 3_000] * 10)], 60_000, idle=400.0, vain=vain.tokens).vain
    assert outcome(words, 5_000, vain=vain.tokens).vain


def test_fewer_of_the_newest_stay_where_they_alone_are_too_many() -> None:
    found = outcome(loop(12, words=2_000), 100_000, policy=Policy(keep=10))
    assert found.tokens < 100_000
    assert contents(found)[-2:] == [message["content"] for message in loop(12, 2_000)[-2:]]


@pytest.mark.parametrize("target", [10_000, 20_000, 30_000])
def test_the_target_can_be_set(target: int) -> None:
    found = outcome(loop(60), 40_000, policy=replace(POLICY, target=target))
    assert 0.5 * target < found.tokens <= 1.05 * target
