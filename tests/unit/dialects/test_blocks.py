"""Messages taken apart and put together."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.dialects.anthropic.blocks import put_together, result_text, take_apart
from tests.support.messages import (
    assistant,
    raw,
    result,
    text,
    thought,
    use,
    user,
)


def test_a_string_is_one_text_block() -> None:
    message = take_apart(b'{"role": "user", "content": "h\\u00e9"}')
    assert message.role == "user"
    assert [block.text() for block in message.blocks] == ["hé"]
    assert message.blocks[0].raw == b'{"type":"text","text":"h\\u00e9"}'


def test_thinking_has_no_number() -> None:
    (message,) = raw([assistant(thought(), "I look.", use(1))])
    numbered = [(n, block.kind) for n, block in take_apart(message).numbered()]
    assert numbered == [(0, "text"), (1, "tool_use")]


def test_blocks_keep_their_bytes() -> None:
    message = (
        b'{"role":"assistant","content":[ {"type" : "text","text":"a\\u0062"} , {"type":"x"}]}'
    )
    parts = take_apart(message)
    assert [block.raw for block in parts.blocks] == [
        b'{"type" : "text","text":"a\\u0062"}',
        b'{"type":"x"}',
    ]
    rebuilt = put_together(parts, [block.raw for block in parts.blocks])
    assert msgspec.json.decode(rebuilt) == msgspec.json.decode(message)


def test_other_fields_stay() -> None:
    parts = take_apart(b'{"role":"user","content":"x","output_config":{"effort":"low"}}')
    rebuilt = put_together(parts, [msgspec.json.encode(text("y"))])
    assert msgspec.json.decode(rebuilt) == {
        "role": "user",
        "output_config": {"effort": "low"},
        "content": [text("y")],
    }


@pytest.mark.parametrize(
    "odd",
    [b'{"role":"user"}', b'{"content":[1]}', b'{"content":["a"]}', b'{"role":1,"content":"a"}'],
)
def test_an_odd_message_has_no_blocks(odd: bytes) -> None:
    assert take_apart(odd).blocks == ()


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
def test_any_content_can_be_taken_apart(content: object) -> None:
    take_apart(msgspec.json.encode({"role": "user", "content": content}))


def test_the_text_of_a_result() -> None:
    assert result_text(result(1, "plain")) == "plain"
    assert result_text(result(1, [text("a"), {"type": "image"}, text("b")])) == "a\nb"
    assert result_text(result(1, None)) == ""
    assert result_text(user()) == ""
