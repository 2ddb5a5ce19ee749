"""Requests for tests, built from plain parts."""

from typing import Any

import msgspec

from harness.simulator.shape import Obj

MODEL = "claude-opus-5-5"
BASH: Obj = {"name": "Bash", "input_schema": {"type": "object", "properties": {}}}
HEADERS = {"x-api-key": "sk-test", "anthropic-version": "2023-06-01"}


def user(*content: Any) -> Obj:
    """A user message of a string, or of blocks."""
    return {"role": "user", "content": _content(content)}


def assistant(*content: Any) -> Obj:
    """An assistant message of a string, or of blocks."""
    return {"role": "assistant", "content": _content(content)}


def system(*content: Any) -> Obj:
    """A mid-conversation system message."""
    return {"role": "system", "content": _content(content)}


def _content(content: tuple[Any, ...]) -> Any:
    return content[0] if len(content) == 1 and isinstance(content[0], str) else list(content)


def use(name: str, **arguments: Any) -> Obj:
    """A `tool_use` block with that id."""
    return {"type": "tool_use", "id": name, "name": "Bash", "input": arguments}


def result(name: str, content: Any = "done") -> Obj:
    """The `tool_result` block of that id."""
    return {"type": "tool_result", "tool_use_id": name, "content": content}


def request(*messages: Obj, **fields: Any) -> Obj:
    """A request body with one tool; ``fields`` add to it or replace."""
    body: Obj = {"model": MODEL, "max_tokens": 1000, "tools": [BASH], "messages": list(messages)}
    return {**body, **fields}


def encoded(body: Obj) -> bytes:
    """The body's bytes."""
    return msgspec.json.encode(body)
