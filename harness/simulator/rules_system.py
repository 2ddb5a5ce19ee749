"""Where a system message may stand between the others.

One after another they are one section: it comes after a user message, or after an assistant's that
ends in a server tool's result, and before an assistant message or at the end. A *directive*, which
has no content but an `output_config`, may stand anywhere.
"""

from harness.simulator.problem import Problem, invalid
from harness.simulator.shape import Obj, blocks

BLOCKS = ("text", "tool_addition", "tool_removal")
_ANYWHERE = "; the directive-only form (content: [] with output_config) is accepted at any position"


def is_directive(message: Obj) -> bool:
    """Whether it only sets something, such as the effort, from here on."""
    return message.get("role") == "system" and not message["content"] and "output_config" in message


def check(messages: list[Obj]) -> None:
    """Raise `Problem` for the first system message in a wrong place, or with a wrong block."""
    spoken = [(i, message) for i, message in enumerate(messages) if not is_directive(message)]
    for at, (i, message) in enumerate(spoken):
        if message["role"] == "system":
            before = spoken[at - 1][1] if at > 0 else None
            after = spoken[at + 1][1] if at + 1 < len(spoken) else None
            _check_place(i, before, after)
            _check_blocks(i, message)


def _check_place(i: int, before: Obj | None, after: Obj | None) -> None:
    if before is None:
        raise _misplaced(i, "use the top-level 'system' parameter for the initial system prompt")
    if before["role"] == "assistant" and not _ends_in_a_server_tools_result(before):
        raise _misplaced(
            i,
            "role 'system' must follow a 'user' message or an 'assistant' message ending in a"
            " server tool result",
        )
    if after is not None and after["role"] == "user":
        raise _misplaced(i, "role 'system' must precede an 'assistant' message or end the array")


def _check_blocks(i: int, message: Obj) -> None:
    if any(block.get("type") not in BLOCKS for block in blocks(message["content"])):
        raise invalid(
            f"messages.{i}: role 'system' supports text, tool_addition, and tool_removal blocks"
            " only"
        )


def _ends_in_a_server_tools_result(message: Obj) -> bool:
    content = blocks(message["content"])
    return bool(content) and str(content[-1].get("type")).endswith("_tool_result")


def _misplaced(i: int, words: str) -> Problem:
    return invalid(f"messages.{i}: {words}{_ANYWHERE}")
