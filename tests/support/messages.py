"""Building messages and requests for tests of the rewriting."""

from collections.abc import Sequence
from typing import Any

import msgspec

from palimpsest.context.tool_exchanges import Call
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.model import RequestView

SOURCE = "\n".join(f"{n:6d}→\tvalue = load(store, key{n % 7})  # as before" for n in range(200))
"""What a tool shows of a file."""

SUMMARY = (
    "This session is being continued from a previous conversation that ran out of context."
    " The summary below covers the earlier portion of the conversation.\n\nAll of it."
)
"""The words a client begins with after it compacted a conversation."""

Message = dict[str, Any]


def user(*blocks: Message | str) -> Message:
    return {"role": "user", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def assistant(*blocks: Message | str) -> Message:
    return {"role": "assistant", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def text(words: str) -> Message:
    return {"type": "text", "text": words}


def thought(words: str = "hm", signature: str = "s" * 200) -> Message:
    return {"type": "thinking", "thinking": words, "signature": signature}


def use(number: int, name: str = "Read", **arguments: Any) -> Message:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}


def result(number: int, content: Any, **rest: Any) -> Message:
    return {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": content, **rest}


def exchange(number: int, output: Any, name: str = "Read", **arguments: Any) -> list[Message]:
    """A call and its answer."""
    return [assistant(use(number, name, **arguments)), user(result(number, output))]


def loop(calls: int, words: int = 400) -> list[Message]:
    """A prompt, and this many exchanges with outputs of this many words, each unlike the others."""
    found = [user("Mend the parser, please.")]
    for number in range(calls):
        output = " ".join(f"line{number}x{word}" for word in range(words))
        found += exchange(number, output, file_path=f"/src/file{number}.py")
    return found


def raw(messages: Sequence[Message]) -> list[bytes]:
    return [msgspec.json.encode(message) for message in messages]


def view(messages: Sequence[Message], **fields: Any) -> RequestView:
    """The view of a request with these messages."""
    return parse(
        msgspec.json.encode(
            {"model": "claude-opus-4-5", "max_tokens": 1000, "messages": messages, **fields}
        )
    )


def call(name: str = "Read", output: str = "", **arguments: Any) -> Call:
    """A call by itself."""
    return Call("toolu_1", name, arguments, 1, 0, 2, 0, output)
