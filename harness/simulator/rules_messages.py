"""The shape of messages: roles, first and last, nothing empty, no unknown block or field."""

from typing import Any

from harness.simulator.models import Model
from harness.simulator.problem import invalid
from harness.simulator.rules_system import is_directive
from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)

MARK = "cache_control"
FIELDS: dict[str, tuple[set[str], set[str]]] = {
    # block type: required fields, optional fields
    "text": ({"text"}, {MARK, "citations"}),
    "thinking": ({"thinking", "signature"}, set()),
    "redacted_thinking": ({"data"}, set()),
    "tool_use": ({"id", "name", "input"}, {MARK, "caller"}),
    "tool_result": ({"tool_use_id"}, {MARK, "content", "is_error"}),
    "server_tool_use": ({"id", "name", "input"}, {MARK, "caller"}),
    "image": ({"source"}, {MARK, "transformations"}),
    "document": ({"source"}, {MARK, "title", "context", "citations"}),
    "search_result": ({"content", "source", "title"}, {MARK, "citations"}),
    "web_search_tool_result": ({"tool_use_id", "content"}, {MARK, "caller"}),
    "web_fetch_tool_result": ({"tool_use_id", "content"}, {MARK, "caller"}),
    "tool_search_tool_result": ({"tool_use_id", "content"}, {MARK}),
    "code_execution_tool_result": ({"tool_use_id", "content"}, {MARK}),
    "bash_code_execution_tool_result": ({"tool_use_id", "content"}, {MARK}),
    "text_editor_code_execution_tool_result": ({"tool_use_id", "content"}, {MARK}),
    "mcp_tool_use": ({"id", "name", "server_name", "input"}, {MARK}),
    "mcp_tool_result": ({"tool_use_id"}, {MARK, "content", "is_error"}),
    "tool_reference": ({"tool_name"}, {MARK}),
    "container_upload": ({"file_id"}, {MARK}),
    "compaction": ({"content"}, {MARK, "signature"}),
    "tool_addition": (set(), {"tool", "tools", "tool_reference", MARK}),
    "tool_removal": (set(), {"tool", "tools", "tool_reference", MARK}),
}
PER_TURN_BETAS = ("per-turn-control-2026-07-01", "mid-conversation-output-config-2026-07-01")


def check(body: Obj, model: Model, betas: frozenset[str]) -> None:
    """Raise `Problem` for the first message that the API would refuse."""
    messages = [obj(message) for message in arr(body.get("messages"))]
    if not messages:
        raise invalid("messages: at least one message is required")
    for i, message in enumerate(messages):
        _check_role(i, message, model)
        _check_fields(i, message, betas)
        last = i == len(messages) - 1
        _check_content(i, message, last=last)
    _check_ends(messages, model)
    for i, block in enumerate(blocks(body.get("system"))):
        _check_text(f"system.{i}", "system", block)


def _check_role(i: int, message: Obj, model: Model) -> None:
    role = message.get("role")
    if role == "system" and not model.system_role:
        raise invalid(
            'messages: Unexpected role "system". The Messages API accepts a top-level `system`'
            ' parameter, not "system" as an input message role.'
        )
    if role not in ("user", "assistant", "system"):
        raise invalid(
            f'messages: Unexpected role "{role}". Allowed roles are "user" or "assistant"'
        )
    if i == 0 and role == "assistant":
        raise invalid('messages: first message must use the "user" role')


def _check_fields(i: int, message: Obj, betas: frozenset[str]) -> None:
    if "content" not in message:
        raise invalid(f"messages.{i}.content: Field required")
    for name in message:
        if name in ("role", "content"):
            continue
        if name == "output_config" and any(beta in betas for beta in PER_TURN_BETAS):
            continue
        raise invalid(f"messages.{i}.{name}: Extra inputs are not permitted")


def _check_content(i: int, message: Obj, *, last: bool) -> None:
    content = message["content"]
    if not isinstance(content, str | list):
        raise invalid(f"messages.{i}.content: Input should be a valid list")
    optional = is_directive(message) or (last and message["role"] == "assistant")
    if not content and not optional:
        raise invalid(
            f"messages.{i}: all messages must have non-empty content except for the optional final"
            " assistant message"
        )
    if isinstance(content, str):
        return
    for j, block in enumerate(blocks(message["content"])):
        path = f"messages.{i}.content.{j}"
        _check_block(path, block)
        _check_text(path, "messages", block)
        _check_result_content(path, block)


def _check_result_content(path: str, block: Obj) -> None:
    inner: Any = block.get("content")
    if block.get("type") != "tool_result" or inner is None or isinstance(inner, str):
        return
    if not isinstance(inner, list):
        raise invalid(f"{path}.tool_result.content: Input should be a valid list")
    for k, part in enumerate(blocks(block["content"])):
        _check_block(f"{path}.tool_result.content.{k}", part)
        if part.get("type") in ("tool_use", "tool_result", "thinking", "redacted_thinking"):
            raise invalid(
                f"{path}.tool_result.content.{k}: Input tag '{part.get('type')}' found using 'type'"
                " does not match any of the expected tags: 'text', 'image', 'search_result',"
                " 'document', 'tool_reference'"
            )
        _check_text(f"{path}.tool_result.content.{k}", "messages", part)


def _check_block(path: str, block: Obj) -> None:
    kind = block.get("type")
    if kind is None:
        raise invalid(f"{path}.type: Field required")
    if kind not in FIELDS:
        tags = ", ".join(f"'{tag}'" for tag in FIELDS)
        raise invalid(
            f"{path}: Input tag '{kind}' found using 'type' does not match any of the expected"
            f" tags: {tags}"
        )
    required, optional = FIELDS[kind]
    for name in sorted(required):
        if name not in block:
            raise invalid(f"{path}.{kind}.{name}: Field required")
    for name in block:
        if name != "type" and name not in required and name not in optional:
            raise invalid(f"{path}.{kind}.{name}: Extra inputs are not permitted")
    if kind in ("tool_use", "server_tool_use") and not isinstance(block["input"], dict):
        raise invalid(f"{path}.{kind}.input: Input should be a valid dictionary")


def _check_text(path: str, part: str, block: Obj) -> None:
    if block.get("type") != "text":
        return
    text = block.get("text")
    if not isinstance(text, str):
        raise invalid(f"{path}.text.text: Input should be a valid string")
    if not text and block.get(MARK) is not None:
        raise invalid(f"{path}.text: cache_control cannot be set for empty text blocks")
    if not text:
        raise invalid(f"{part}: text content blocks must be non-empty")
    if not text.strip():
        raise invalid(f"{part}: text content blocks must contain non-whitespace text")


def _check_ends(messages: list[Obj], model: Model) -> None:
    last = messages[-1]
    if last["role"] != "assistant":
        return
    if not model.prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end with"
            " a user message."
        )
    texts = blocks(last["content"])
    if texts and texts[-1].get("type") == "text":
        text = str(texts[-1].get("text"))
        if text != text.rstrip():
            raise invalid("messages: final assistant content cannot end with trailing whitespace")
