"""Thinking blocks: signed, bound to what came before them, dropped or refused after an edit."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator.answers import complete
from harness.simulator.ask import (
    assistant,
    request,
    result,
    system,
    use,
    user,
)
from harness.simulator.content import redacted, text, thinking
from harness.simulator.problem import Problem
from harness.simulator.request import Judged, judge, judge_count
from harness.simulator.seal import Seal
from harness.simulator.shape import Obj
from harness.simulator.tokens import Tokens
from harness.simulator.view import view

TOKENS = Tokens()
BETA = "thinking-binding-controls-2026-08-01"
DROP = {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}
OLD = "claude-opus-4-6"


def judged(body: Obj) -> Judged:
    asked = view(body, {"anthropic-beta": BETA, "x-api-key": "k"})
    return judge(asked, tokens=TOKENS, seal=Seal())


def refused(body: Obj) -> str:
    with pytest.raises(Problem) as caught:
        judged(body)
    return caught.value.message


def answered(body: Obj, *content: Obj) -> Obj:
    """The body with the model's signed answer to it."""
    asked = view(body, {"anthropic-beta": BETA, "x-api-key": "k"})
    made = complete(list(content), asked, judged(body).binder)
    return {**body, "messages": [*body["messages"], assistant(*made)]}


def then(body: Obj, *messages: Obj) -> Obj:
    return {**body, "messages": [*body["messages"], *messages]}


def without_thinking(message: Obj) -> Obj:
    if isinstance(message["content"], str):
        return message
    kept = [block for block in message["content"] if block["type"] != "thinking"]
    return {**message, "content": kept}


def conversation(turns: int = 3, **fields: object) -> Obj:
    """Turns of a signed thinking and a call, with their results."""
    body = request(user("question"), system="Be good.", **fields)
    for turn in range(turns):
        body = answered(body, thinking(f"thought {turn}"), use(f"call{turn}"))
        body = then(body, user(result(f"call{turn}")))
    return body


def edited(body: Obj, index: int, message: Obj) -> Obj:
    messages = list(body["messages"])
    messages[index] = message
    return {**body, "messages": messages}


def test_an_unchanged_conversation_is_accepted() -> None:
    assert judged(conversation()).dropped == []


def test_interleaved_and_redacted_thinking_is_accepted() -> None:
    body = answered(request(user("hi")), thinking("a"), text("so"), thinking("b"), redacted())
    assert judged(then(body, user("on"))).dropped == []


def test_markers_billing_and_string_contents_are_no_change() -> None:
    body = conversation()
    marked = [{"type": "text", "text": "question", "cache_control": {"type": "ephemeral"}}]
    billing = {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.328.1;"}
    be_good = {"type": "text", "text": "Be good.", "cache_control": {"type": "ephemeral"}}
    body = edited({**body, "system": [billing, be_good]}, 0, user(*marked))
    assert judged(body).dropped == []


BOUND = (
    "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a"
    " different conversation. Remove the block, or set"
    ' `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
)


def test_a_changed_message_is_refused() -> None:
    message = refused(edited(conversation(), 0, user("another question")))
    assert message.startswith(BOUND)
    assert message.endswith("Content before this block differs from when it was created.")
    with pytest.raises(Problem, match="requires the `thinking-binding-controls-2026-08-01` value"):
        judge(view(edited(conversation(), 0, user("?")), {}), tokens=TOKENS, seal=Seal())


def test_a_changed_system_prompt_is_refused() -> None:
    message = refused({**conversation(), "system": "Be bad."})
    assert message.startswith(BOUND)
    assert message.endswith("The `system` prompt differs from the one this block was created with.")


def test_changed_tools_are_refused() -> None:
    tools: list[Obj] = [{"name": "Other", "input_schema": {}}]
    assert "The `tools` differ" in refused({**conversation(), "tools": tools})


def test_an_inserted_system_message_is_a_change_for_what_follows_only() -> None:
    body = conversation(2)
    messages = body["messages"]
    late = {**body, "messages": [*messages, system("news")]}
    assert judged(late).dropped == []
    early = {**body, "messages": [messages[0], system("news"), *messages[1:]]}
    assert refused(early).startswith("messages.2.content.0: Invalid `signature`")


def test_a_block_left_out_in_the_middle_is_missed() -> None:
    body = conversation()
    message = refused(edited(body, 3, without_thinking(body["messages"][3])))
    assert message.startswith("messages.5.content.0: ")
    assert message.endswith(
        "The `thinking` block that preceded this one when it was created is missing from this"
        " request."
    )


def test_all_thinking_may_be_left_out_and_new_thinking_goes_on_from_there() -> None:
    body = conversation()
    bare = {**body, "messages": [without_thinking(m) for m in body["messages"]]}
    assert judged(bare).dropped == []
    again = then(answered(bare, thinking("anew"), use("late")), user(result("late")))
    assert judged(again).dropped == []


def test_the_oldest_thinking_may_be_left_out_but_not_put_back() -> None:
    body = conversation()
    shorter = edited(body, 1, without_thinking(body["messages"][1]))
    assert judged(shorter).dropped == []
    again = then(answered(shorter, thinking("anew"), use("late")), user(result("late")))
    assert judged(again).dropped == []
    fewer = edited(again, 3, without_thinking(again["messages"][3]))
    fewer = edited(fewer, 5, without_thinking(fewer["messages"][5]))
    alone = then(answered(fewer, thinking("alone"), use("last")), user(result("last")))
    assert judged(alone).dropped == []
    bare = {**body, "messages": [without_thinking(m) for m in body["messages"]]}
    answer = then(answered(bare, thinking("anew"), use("late")), user(result("late")))
    assert refused(edited(answer, 1, body["messages"][1])).startswith("messages.7.content.0: ")


def test_counting_checks_thinking_too() -> None:
    body = {key: value for key, value in conversation().items() if key != "max_tokens"}
    assert judge_count(view(body, {}), Seal()) == body
    with pytest.raises(Problem, match="bound to a different conversation"):
        judge_count(view({**body, "system": "Be bad."}, {}), Seal())
    dropping = view({**body, "system": "Be bad.", "thinking": DROP}, {"anthropic-beta": BETA})
    counted = judge_count(dropping, Seal())
    assert b"thought" not in msgspec.json.encode(counted)


def test_drop_block_drops_the_changed_and_keeps_what_came_before() -> None:
    body = conversation(3, thinking=DROP)
    changed = edited(body, 2, user(result("call0", "something else")))
    judgement = judged(changed)
    assert judgement.dropped == [
        {
            "type": "thinking_dropped",
            "path": f"messages.{i}.content.0",
            "reason": "prefix_binding_mismatch",
        }
        for i in (3, 5)
    ]
    again = then(answered(changed, thinking("anew"), use("late")), user(result("late")))
    assert judged(again).dropped == judgement.dropped


def test_another_models_thinking_is_dropped_without_an_error() -> None:
    body = {**conversation(1), "model": "claude-sonnet-5-5"}
    assert [entry["reason"] for entry in judged(body).dropped] == ["model_binding_mismatch"]


def test_a_signature_that_is_not_ours_is_refused() -> None:
    foreign: Obj = {"type": "thinking", "thinking": "x", "signature": "EqQBCkYIBxgCKkD"}
    body = request(user("hi"), assistant(foreign), user("x"))
    assert refused(body) == "messages.1.content.0: Invalid `signature` in `thinking` block"
    data: Obj = {"type": "redacted_thinking", "data": "nonsense"}
    body = request(user("hi"), assistant(data), user("x"))
    assert refused(body) == "messages.1.content.0: Invalid `data` in `redacted_thinking` block"


def test_an_edited_thought_is_refused_on_every_model() -> None:
    for model in (OLD, "claude-opus-5-5"):
        body = conversation(1, model=model)
        block = {**body["messages"][1]["content"][0], "thinking": "other"}
        body = edited(body, 1, assistant(block, *body["messages"][1]["content"][1:]))
        assert refused(body) == "messages.1.content.0: Invalid `signature` in `thinking` block"


def test_an_older_model_does_not_look_at_the_prefix() -> None:
    body = edited(conversation(model=OLD), 0, user("another question"))
    assert judged({**body, "system": "Be bad."}).dropped == []


def test_disabled_thinking_ignores_the_blocks() -> None:
    body = edited(conversation(), 0, user("another question"))
    assert judged({**body, "thinking": {"type": "disabled"}}).dropped == []


ENABLED = {"type": "enabled", "budget_tokens": 1024}


def test_enabled_thinking_keeps_the_loops_last_thought() -> None:
    body = conversation(2, model="claude-sonnet-4-5", max_tokens=4000, thinking=ENABLED)
    assert judged(body).dropped == []
    assert judged(edited(body, 1, without_thinking(body["messages"][1]))).dropped == []
    message = refused(edited(body, 3, without_thinking(body["messages"][3])))
    assert message.startswith(
        "messages.3.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
        " `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a"
        " thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
    )
    ended = then(edited(body, 3, without_thinking(body["messages"][3])), assistant("ok"), user("x"))
    assert judged(ended).dropped == []


def test_enabled_thinking_comes_first_in_its_message() -> None:
    body = conversation(1, model="claude-sonnet-4-5", max_tokens=4000, thinking=ENABLED)
    content = body["messages"][1]["content"]
    assert "the first block must be `thinking` or `redacted_thinking`. Found `text`." in refused(
        edited(body, 1, assistant(text("hm"), *content))
    )


LONG = conversation(5, thinking=DROP)


@given(st.integers(0, 10))
def test_an_edit_invalidates_exactly_the_thinking_after_it(position: int) -> None:
    message = LONG["messages"][position]
    extra = text("added") if message["role"] == "user" else use("call9")
    content = message["content"] if isinstance(message["content"], list) else [text("question")]
    changed = edited(LONG, position, {**message, "content": [*content, extra]})
    if message["role"] == "assistant":
        after = LONG["messages"][position + 1]
        changed = edited(changed, position + 1, user(*after["content"], result("call9")))
    dropped = {entry["path"] for entry in judged(changed).dropped}
    assert dropped == {f"messages.{i}.content.0" for i in range(1, 10, 2) if i > position}
