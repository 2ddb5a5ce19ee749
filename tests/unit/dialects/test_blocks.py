"""Messages taken apart and put together."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.dialects.anthropic.blocks import parse_block, parse_message, put_together
from palimpsest.dialects.model import BlockKind
from tests.support.messages import (
    assistant,
    raw,
    result,
    text,
    thought,
    use,
)


def test_a_string_is_one_text_block() -> None:
    message = parse_message(b'{"role": "user", "content": "h\\u00e9"}')
    assert message.role == "user"
    assert [block.text() for block in message.blocks] == ["hé"]
    assert message.blocks[0].raw == b'{"type":"text","text":"h\\u00e9"}'


def test_thinking_has_no_number() -> None:
    (message,) = raw([assistant(thought(), "I look.", use(1))])
    numbered = [(n, block.kind) for n, block in parse_message(message).numbered()]
    assert numbered == [(0, BlockKind.TEXT), (1, BlockKind.TOOL_CALL)]


def test_blocks_keep_their_bytes() -> None:
    message = (
        b'{"role":"assistant","content":[ {"type" : "text","text":"a\\u0062"} , {"type":"x"}]}'
    )
    parts = parse_message(message)
    assert [block.raw for block in parts.blocks] == [
        b'{"type" : "text","text":"a\\u0062"}',
        b'{"type":"x"}',
    ]
    rebuilt = put_together(parts, [block.raw for block in parts.blocks])
    assert msgspec.json.decode(rebuilt) == msgspec.json.decode(message)


def test_other_fields_stay() -> None:
    parts = parse_message(b'{"role":"user","content":"x","output_config":{"effort":"low"}}')
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
    assert parse_message(odd).blocks == ()


@given(st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5))
def test_any_content_can_be_taken_apart(content: object) -> None:
    parse_message(msgspec.json.encode({"role": "user", "content": content}))


def test_the_text_of_a_result() -> None:
    def said(block: dict[str, Any]) -> str:
        return parse_block(msgspec.json.encode(block)).result_text()

    assert said(result(1, "plain")) == "plain"
    assert said(result(1, [text("a"), {"type": "image"}, text("b")])) == "a\nb"
    assert said(result(1, None)) == ""
    assert said(text("a")) == ""
