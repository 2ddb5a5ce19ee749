"""An answer becomes the message that comes back in the next request."""

from typing import Any

import msgspec

from harness.simulator.events import event
from palimpsest.dialects.anthropic.answer_message import answer_message
from palimpsest.dialects.anthropic.blocks import canonical_hash
from tests.support.messages import (
    assistant,
    text,
    thought,
    use,
)
from tests.support.streams import SSE, delta

SENT_BACK = msgspec.json.encode(assistant(text("Let me look."), use(1, file_path="/a")))


def test_a_json_body() -> None:
    body = msgspec.json.encode(
        {"content": [thought(), text("Let me look."), use(1, file_path="/a")], "type": "message"}
    )
    message = answer_message(body, "application/json")
    assert message
    assert canonical_hash(message) == canonical_hash(SENT_BACK)


def test_a_stream() -> None:
    def at(index: int, kind: str, value: str) -> bytes:
        return delta(kind, value).replace(b'"index":0', b'"index":%d' % index)

    def begun(index: int, block: dict[str, Any]) -> bytes:
        return event("content_block_start", index=index, content_block=block)

    stream = (
        event("message_start", message={"content": []})
        + begun(0, {"type": "thinking", "thinking": ""})
        + at(0, "thinking_delta", "hm")
        + begun(1, text(""))
        + event("ping")
        + at(1, "text_delta", "Let me ")
        + at(1, "text_delta", "look.")
        + begun(2, use(1))
        + at(2, "input_json_delta", "").replace(b'"input_json"', b'"partial_json"')
        + at(2, "input_json_delta", '{"file_path":').replace(b'"input_json"', b'"partial_json"')
        + at(2, "input_json_delta", '"/a"}').replace(b'"input_json"', b'"partial_json"')
        + event("message_stop")
    )
    message = answer_message(stream, SSE)
    assert message
    assert canonical_hash(message) == canonical_hash(SENT_BACK)


def test_what_cannot_be_read_is_none() -> None:
    assert answer_message(b"{}", "application/json") is None
    assert answer_message(b"no json", "application/json") is None
    assert answer_message(b'{"content": [{"type": "thinking"}]}', "application/json") is None
    assert (
        answer_message(event("content_block_delta", index=3, delta={"type": "text_delta"}), SSE)
        is None
    )
    assert answer_message(b"data: no json\n\n", SSE) is None
