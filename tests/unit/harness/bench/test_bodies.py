from itertools import pairwise
from typing import Any

import msgspec
import pytest

from harness.bench.bodies import conversation


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body_kb", [1, 400])
def test_size_and_flag(body_kb: int, stream: bool):
    body = conversation(body_kb, 0, stream=stream).body("Turn 1: and now?")
    assert abs(len(body) - body_kb * 1000) < 10
    decoded: dict[str, Any] = msgspec.json.decode(body)
    assert decoded["stream"] is stream
    assert list(decoded)[:2] == ["model", "messages"]


def test_every_tool_use_is_answered_in_the_next_message():
    body = conversation(400, 3, stream=True).body("and now?")
    messages: list[dict[str, Any]] = msgspec.json.decode(body)["messages"]
    assert [message["role"] for message in messages[:2]] == ["user", "assistant"]
    pairs = 0
    for asked, answered in pairwise(messages):
        if asked["role"] == "assistant" and asked["content"][-1]["type"] == "tool_use":
            assert answered["content"][0]["tool_use_id"] == asked["content"][-1]["id"]
            pairs += 1
    assert pairs > 50


def test_only_the_newest_message_differs_between_turns():
    talk = conversation(400, 3, stream=True)
    one: dict[str, Any] = msgspec.json.decode(talk.body("turn 1"))
    two: dict[str, Any] = msgspec.json.decode(talk.body("turn 2"))
    assert one["messages"][:-1] == two["messages"][:-1]
    assert one["messages"][-1] != two["messages"][-1]


def test_the_opening_is_the_turn_before() -> None:
    talk = conversation(400, 3, stream=True)
    assert talk.opening
    before = msgspec.json.decode(talk.opening)["messages"]
    messages = msgspec.json.decode(talk.body("turn 1"))["messages"]
    assert messages[:-2] == before
    assert [message["role"] for message in messages[-3:]] == ["user", "assistant", "user"]
    assert conversation(1, 3, stream=True).opening is None


def test_clients_have_conversations_of_their_own():
    one, two = (conversation(400, client, stream=True).body("same") for client in (1, 2))
    assert one != two
