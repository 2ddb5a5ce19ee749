"""Reading decoded JSON whose shape nobody has promised yet."""

from typing import Any, cast

Obj = dict[str, Any]


def obj(value: Any) -> Obj:
    """The value if it is a JSON object, else an empty one."""
    return cast("Obj", value) if isinstance(value, dict) else {}


def arr(value: Any) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def blocks(content: Any) -> list[Obj]:
    """The content blocks of a message, a system prompt or a result: a string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [obj(block) for block in arr(content)]
