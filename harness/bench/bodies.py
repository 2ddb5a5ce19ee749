"""Messages API request bodies of a given size, in the shape Claude Code sends.

A body is one conversation: its history stays the same bytes, its newest user message differs
with every request, so that no two requests are identical. The *opening* is the turn before, which
a proxy has to have seen, or each request would be the first of a long conversation it never saw.
"""

import random
from typing import Any

import msgspec

MODEL = "claude-sonnet-4-5"
RESULT_CHARS = 3_000
TOOLS = ("Bash", "Read", "Edit", "Grep")
WORDS = (
    *("request", "workflow", "activity", "stream", "buffer", "ledger", "token", "socket", "error"),
    *("timeout", "retry", "import", "return", "await", "async", "class", "self", "value", "index"),
    *("result", "commit", "session", "header", "status", "parse"),
)


class Conversation(msgspec.Struct, frozen=True):
    """A body cut open where the newest user message goes; ``opening`` is a whole body."""

    before: bytes
    after: bytes
    padding: int
    opening: bytes | None = None

    def body(self, text: str) -> bytes:
        """The request whose newest user message is ``text``, padded to the size asked for."""
        padded = text.ljust(self.padding, ".")
        block = {"type": "text", "text": padded, "cache_control": {"type": "ephemeral"}}
        newest = msgspec.json.encode({"role": "user", "content": [block]})
        return self.before + newest + self.after


def conversation(body_kb: int, client: int, *, stream: bool) -> Conversation:
    """A conversation of about ``body_kb`` * 1000 bytes, the client's own from its first message."""
    after = _after(stream=stream, tools=body_kb > 10)
    history = _history(body_kb * 1000 - len(after) - 300, client) if body_kb > 10 else []
    encoded = msgspec.json.encode({"model": MODEL, "messages": history})
    before = encoded.removesuffix(b"]}") + (b"," if history else b"")
    bare = Conversation(before, after, 0)
    padding = max(0, body_kb * 1000 - len(bare.body("")))
    return Conversation(before, after, padding, _opening(history, after))


def _opening(history: list[dict[str, Any]], after: bytes) -> bytes | None:
    if not history:
        return None
    told = msgspec.json.encode({"model": MODEL, "messages": history[:-1]})
    return told.removesuffix(b"]}") + after


def _after(*, stream: bool, tools: bool) -> bytes:
    rest: dict[str, Any] = {
        "system": [
            {
                "type": "text",
                "text": "You are a coding agent. Work in the scratch directory and be brief.",
                "cache_control": {"type": "ephemeral"},
            }
        ],
        "tools": [_tool(name) for name in TOOLS] if tools else [],
        "max_tokens": 8192,
        "metadata": {"user_id": "bench"},
        "stream": stream,
    }
    if not tools:
        del rest["tools"]
    return b"]," + msgspec.json.encode(rest).removeprefix(b"{")


def _tool(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"{name}: " + "what it does, when to use it and what it returns. " * 20,
        "input_schema": {
            "type": "object",
            "properties": {"argument": {"type": "string", "description": "its argument"}},
            "required": ["argument"],
        },
    }


def _history(size: int, client: int) -> list[dict[str, Any]]:
    """User, then tool_use/tool_result pairs, then an assistant's text: ``size`` bytes in all."""
    random_source = random.Random(400)
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": f"Client {client}: find out why the tests fail and mend them."}
    ]
    left = size - 200
    for number in range(10_000):
        use = _tool_use(number, random_source)
        overhead = len(msgspec.json.encode([use, _tool_result(number, "")]))
        if left <= overhead:
            break
        text = _source_text(min(RESULT_CHARS, left - overhead), random_source)
        messages += [use, _tool_result(number, text)]
        left -= overhead + len(text)
    messages.append({"role": "assistant", "content": [{"type": "text", "text": "All pass now."}]})
    return messages


def _tool_use(number: int, random_source: random.Random) -> dict[str, Any]:
    tool = random_source.choice(TOOLS)
    call = {
        "type": "tool_use",
        "id": f"toolu_{number:024d}",
        "name": tool,
        "input": {"argument": _source_text(80, random_source)},
    }
    text = {"type": "text", "text": f"Step {number}: {_source_text(120, random_source)}"}
    return {"role": "assistant", "content": [text, call]}


def _tool_result(number: int, text: str) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": f"toolu_{number:024d}", "content": text}
    return {"role": "user", "content": [result]}


def _source_text(chars: int, random_source: random.Random) -> str:
    """Words that compress and tokenise like source code; no character that JSON would escape."""
    words: list[str] = []
    length = 0
    while length < chars:
        word = f"{random_source.choice(WORDS)}_{random_source.randrange(1000)}"
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:chars]
