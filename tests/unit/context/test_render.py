"""Decisions applied to messages."""

import msgspec

from palimpsest.context.model import (
    Cause,
    Decision,
    Edit,
    Epoch,
    Reason,
    decode,
    encode,
)
from palimpsest.context.render import apply_epoch
from palimpsest.dialects.anthropic.body import build_body
from tests.support.messages import (
    assistant,
    result,
    text,
    thought,
    use,
    user,
    view,
)
from tests.support.scenario import scenario


def epoch(*decisions: Decision, depth: int = 3) -> Epoch:
    return Epoch(b"c" * 32, depth, Cause.PRESSURE, 1, 100, 50, False, decisions)


BUILT = scenario("""
    user: go
    thinking: hm
    call 1:
    result 1: long output
    user: and?
""")
REQUEST = view(BUILT)
STUB = msgspec.json.encode(result(1, "stub"))


def test_no_epoch_changes_nothing() -> None:
    assert apply_epoch(REQUEST, None) == REQUEST.messages


def test_what_is_not_mentioned_keeps_its_bytes() -> None:
    after = apply_epoch(REQUEST, epoch(Decision(2, edits=(Edit(0, STUB, Reason.OLD_RESULT),))))
    assert after[:2] == REQUEST.messages[:2]
    assert msgspec.json.decode(after[2])["content"] == [result(1, "stub"), text("and?")]


def test_messages_go_whole_thinking_goes_alone_and_blocks_are_appended() -> None:
    after = apply_epoch(
        REQUEST,
        epoch(
            Decision(0, append=(msgspec.json.encode(text("told")),)),
            Decision(1, thinking=Reason.BOUND_THINKING),
            Decision(2, drop=Reason.OLD_EXCHANGE),
        ),
    )
    assert [msgspec.json.decode(message)["content"] for message in after] == [
        [text("go"), text("told")],
        [use(1)],
    ]


def test_messages_after_the_epoch_pass() -> None:
    longer = view([*BUILT, assistant(thought("new"), "done")])
    after = apply_epoch(longer, epoch(Decision(1, thinking=Reason.BOUND_THINKING)))
    assert after[3] == longer.messages[3]


def test_a_marker_stays_on_what_is_replaced() -> None:
    marked = {**result(1, "long"), "cache_control": {"type": "ephemeral"}}
    (after,) = apply_epoch(
        view([user(marked)]),
        epoch(Decision(0, edits=(Edit(0, STUB, Reason.OLD_RESULT),)), depth=1),
    )
    (block,) = msgspec.json.decode(after)["content"]
    assert block == {**result(1, "stub"), "cache_control": {"type": "ephemeral"}}


def test_the_body_is_the_clients_own_when_nothing_changed() -> None:
    request = view([user("go")])
    assert build_body(request, request.messages) is request.body


def test_the_body_around_the_messages_keeps_its_bytes() -> None:
    request = view([user("go"), assistant("yes"), user("on")], system="s", tools=[])
    changed = build_body(request, request.messages[:1])
    assert changed == request.prefix + request.messages[0] + request.suffix


def test_an_epoch_survives_storage() -> None:
    one = epoch(
        Decision(0, append=(b"{}",)),
        Decision(1, Reason.OLD_TEXT),
        Decision(2, edits=(Edit(0, STUB, Reason.DUPLICATE), Edit(1, None, Reason.OLD_EXCHANGE))),
    )
    assert decode(encode(one)) == one
