"""Tool calls and their results: pairing, order, and who may say what."""

import re

from harness.simulator.problem import invalid
from harness.simulator.shape import Obj, blocks

TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def check(messages: list[Obj]) -> None:
    """Raise `Problem` for the first call without its result, or result without its call."""
    seen: set[str] = set()
    for i, message in enumerate(messages):
        content = blocks(message.get("content"))
        role = message.get("role")
        _check_sides(i, str(role), content)
        if role == "assistant":
            calls = _ids(content, "tool_use", "id")
            _check_calls(i, content, seen)
            _check_server_tools(i, content)
            follower = messages[i + 1] if i + 1 < len(messages) else {}
            _check_answered(i, calls, follower)
        elif role == "user":
            asked = messages[i - 1] if i > 0 else {}
            allowed = (
                _ids(blocks(asked.get("content")), "tool_use", "id")
                if asked.get("role") == "assistant"
                else []
            )
            _check_results(i, content, set(allowed))


def _ids(content: list[Obj], kind: str, field: str) -> list[str]:
    return [str(block.get(field)) for block in content if block.get("type") == kind]


def _check_sides(i: int, role: str, content: list[Obj]) -> None:
    for block in content:
        kind = block.get("type")
        if kind == "tool_use" and role != "assistant":
            raise invalid(f"messages.{i}: `tool_use` blocks can only be in `assistant` messages")
        if kind == "tool_result" and role != "user":
            raise invalid(f"messages.{i}: `tool_result` blocks can only be in `user` messages")


def _check_calls(i: int, content: list[Obj], seen: set[str]) -> None:
    for j, block in enumerate(content):
        if block.get("type") != "tool_use":
            continue
        use = str(block.get("id"))
        if not TOOL_ID.fullmatch(use):
            raise invalid(
                f"messages.{i}.content.{j}.tool_use.id: String should match pattern"
                " '^[a-zA-Z0-9_-]+$'"
            )
        if use in seen:
            raise invalid(f"messages.{i}.content.{j}: `tool_use` ids must be unique")
        seen.add(use)


def _check_answered(i: int, calls: list[str], follower: Obj) -> None:
    answered: set[str] = set()
    if follower.get("role") == "user":
        for block in blocks(follower.get("content")):
            if block.get("type") != "tool_result":
                break
            answered.add(str(block.get("tool_use_id")))
    missing = [use for use in calls if use not in answered]
    if missing:
        raise invalid(
            f"messages.{i}: `tool_use` ids were found without `tool_result` blocks immediately"
            f" after: {', '.join(missing)}. Each `tool_use` block must have a corresponding"
            " `tool_result` block in the next message."
        )


def _check_results(i: int, content: list[Obj], allowed: set[str]) -> None:
    answered: set[str] = set()
    for j, block in enumerate(content):
        if block.get("type") != "tool_result":
            continue
        use = str(block.get("tool_use_id"))
        if use not in allowed:
            raise invalid(
                f"messages.{i}.content.{j}: unexpected `tool_use_id` found in `tool_result` blocks:"
                f" {use}. Each `tool_result` block must have a corresponding `tool_use` block in"
                " the previous message."
            )
        if use in answered:
            raise invalid(
                f"messages.{i}.content.{j}: each tool_use must have a single result. Found multiple"
                f" `tool_result` blocks with id: {use}"
            )
        answered.add(use)


def _check_server_tools(i: int, content: list[Obj]) -> None:
    """A server tool's result stands in the same assistant message, after its call."""
    open_calls: dict[str, str] = {}
    for j, block in enumerate(content):
        kind = str(block.get("type"))
        if kind == "server_tool_use":
            open_calls[str(block.get("id"))] = str(block.get("name"))
        elif kind.endswith("_tool_result") and kind != "mcp_tool_result":
            use = str(block.get("tool_use_id"))
            if open_calls.pop(use, None) is None:
                raise invalid(
                    f"messages.{i}.content.{j}: unexpected `tool_use_id` found in `{kind}` blocks:"
                    f" {use}. Each `{kind}` block must have a corresponding `server_tool_use` block"
                    " before it."
                )
    for use, name in open_calls.items():
        raise invalid(
            f"messages.{i}: `{name}` tool use with id `{use}` was found without a corresponding"
            f" `{name}_tool_result` block"
        )
