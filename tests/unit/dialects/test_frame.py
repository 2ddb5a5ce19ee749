"""Frames: rebuilt byte for byte, and small where turns repeat themselves."""

import pytest

from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.anthropic.frame import PART_BYTES
from tests.support.sessions import body_of, encode

BILLING = "x-anthropic-billing-header: cc_version=2.1.328.{}; cc_entrypoint=cli;"
MESSAGES = [encode({"role": "user", "content": f"message {index}"}) for index in range(50)]


def request(billing: str, max_tokens: int, messages: list[bytes]) -> bytes:
    system = [
        {"type": "text", "text": BILLING.format(billing)},
        {"type": "text", "text": "You are an agent. " * 20, "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Long instructions. " * 2000},
        {"type": "text", "text": "Long instructions. " * 2000},
    ]
    tools = [{"name": f"tool{index}", "description": "does " * 500} for index in range(20)]
    return body_of(messages, system=system, max_tokens=max_tokens, tools=tools)


def test_an_unchanged_turn_costs_hundreds_of_bytes() -> None:
    first = parse(request("a1b", 32000, MESSAGES[:10]))
    second = parse(request("c3d", 128000, MESSAGES))
    frames = DIALECT.encode_frame(first), DIALECT.encode_frame(second)
    assert frames[0].parts == frames[1].parts
    assert all(len(part) >= PART_BYTES for part in frames[0].parts)
    assert sum(map(len, frames[0].parts)) > 100_000
    assert all(len(frame.skeleton) < 1000 for frame in frames)
    assert frames[0].rebuild(first.messages) == first.body
    assert frames[1].rebuild(second.messages) == second.body


def test_system_after_the_messages() -> None:
    tail = b',"system":' + encode("instructions " * 100) + b" }"
    view = parse(body_of(MESSAGES)[:-1] + tail)
    frame = DIALECT.encode_frame(view)
    assert frame.parts == (view.system,)
    assert frame.rebuild(view.messages) == view.body


def test_a_system_whose_blocks_contain_each_other() -> None:
    block = encode({"type": "text", "text": "x" * PART_BYTES})
    system = b'[ "x", [' + block + b"], " + block + b" ]"
    view = parse(b'{"model":"m","system":' + system + b',"messages":[{}]}')
    frame = DIALECT.encode_frame(view)
    assert frame.parts == (b"[" + block + b"]", block)
    assert frame.rebuild(view.messages) == view.body


def test_the_same_separators_cost_the_same_for_any_number_of_messages() -> None:
    few, many = (
        DIALECT.encode_frame(parse(body_of([b", ".join(MESSAGES[:count])]))) for count in (2, 50)
    )
    assert few == many


def test_a_lost_message_or_part_is_no_body() -> None:
    view = parse(b'{"model":"m","messages":[{} ,{},{}],"system":"%b"}' % (b"x" * PART_BYTES))
    frame = DIALECT.encode_frame(view)
    with pytest.raises(ValueError):
        frame.rebuild(view.messages[:-1])
    with pytest.raises(ValueError):
        type(frame)(frame.skeleton, ()).rebuild(view.messages)
