"""A message is kept without its secrets: those in a text, and those that a field's name tells."""

import msgspec
import pytest

from palimpsest.learning.redaction import EMPTY, redact_message
from palimpsest.memory.secrets import redact


def clean(content: object) -> object:
    raw = msgspec.json.encode({"role": "assistant", "content": content})
    return msgspec.json.decode(redact_message(raw, redact))["content"]


def test_a_field_is_known_by_its_name() -> None:
    call = {
        "type": "tool_use",
        "name": "login",
        "input": {
            "password": "hunter2",
            "user": {"api_key": "a8f3kd93mfk20dkf", "name": "me"},
            "command": "login --password hunter2x",
            "token_count": "12",
        },
    }
    assert clean([call]) == [
        {
            "type": "tool_use",
            "name": "login",
            "input": {
                "password": "[secret: password]",
                "user": {"api_key": "[secret: key]", "name": "me"},
                "command": "login --password [secret: password]",
                "token_count": "12",
            },
        }
    ]


@pytest.mark.parametrize("text", ["", '"', "a\nb", '" + x + "', "is it?", "[secret: key]"])
def test_what_is_none_stays_as_it_is(text: str) -> None:
    fields = {"text": text, "password": text, "type": "text"}
    assert clean([fields])[0]["text"] == text  # pyright: ignore[reportIndexIssue]
    assert clean([{"type": "text", "text": text}]) == [{"type": "text", "text": text}]


def test_signatures_are_left_alone_and_no_message_is_empty() -> None:
    thinking = {"type": "thinking", "signature": "sk-ant-api03-abcdefghijklmnop1234"}
    assert clean([thinking]) == [thinking]
    assert redact_message(b"{", redact) == EMPTY
