"""Tool calls as the context package sees them, for tests."""

from typing import Any

from palimpsest.context.tool_exchanges import Call


def call(
    name: str = "Read",
    output: str = "",
    *,
    position: int = 1,
    is_error: bool = False,
    media: int = 0,
    **arguments: Any,
) -> Call:
    """A call answered in the next message; its id is unique by position."""
    return Call(
        id=f"toolu_{position}",
        name=name,
        input=arguments,
        position=position,
        block=0,
        result_position=position + 1,
        result_block=0,
        output=output,
        is_error=is_error,
        media=media,
    )
