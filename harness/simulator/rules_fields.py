"""The top-level fields of a request, and the beta headers some of them travel with."""

from typing import Any

from harness.simulator.problem import invalid
from harness.simulator.shape import Obj, arr, obj

ALWAYS = {
    "model", "messages", "max_tokens", "cache_control", "container", "diagnostics",
    "inference_geo", "metadata", "output_config", "service_tier", "speed", "stop_sequences",
    "stream", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
}  # fmt: skip
COUNTED = {
    "model", "messages", "system", "tools", "tool_choice", "thinking", "cache_control",
    "output_config", "speed",
}  # fmt: skip
WITH_BETA: dict[str, tuple[str, ...]] = {
    # field: any beta header that starts so allows it
    "context_management": ("context-management-", "compact-"),
    "compaction": ("compact-",),
    "mcp_servers": ("mcp-client-",),
    "fallbacks": ("server-side-fallback-",),
    "fallback_credit_token": ("fallback-credit-",),
    "billing_policy": ("user-profiles-",),
    "user_profile_id": ("user-profiles-",),
    "thread": ("message-threads-",),
    "output_format": ("structured-outputs-",),
    "safeguards": ("dangerous-tool-use-",),
}
BINDING_BETA = "thinking-binding-controls-2026-08-01"
THINKING_FIELDS = {
    "enabled": {"type", "budget_tokens", "display", "block_binding"},
    "adaptive": {"type", "display", "block_binding"},
    "disabled": {"type"},
}
MINIMUM_BUDGET = 1_024


def check(body: Obj, betas: frozenset[str], *, counting: bool = False) -> None:
    """Raise `Problem` for a missing, malformed or unknown field."""
    for name in ("model", "messages"):
        if name not in body:
            raise invalid(f"{name}: Field required")
    if not isinstance(body["model"], str) or not body["model"]:
        raise invalid("model: Input should be a valid string")
    if not isinstance(body["messages"], list):
        raise invalid("messages: Input should be a valid list")
    _check_known(body, betas, COUNTED if counting else ALWAYS)
    if not counting:
        _check_max_tokens(body)
    for name in ("tools", "stop_sequences"):
        if body.get(name) is not None and not isinstance(body[name], list):
            raise invalid(f"{name}: Input should be a valid list")
    if "system" in body and not isinstance(body["system"], str | list):
        raise invalid("system: Input should be a valid string or list")
    _check_stream(body.get("stream"))
    _check_metadata(body)
    _check_thinking(body, betas)
    _check_tools(body)
    _check_edits(body)


def _check_known(body: Obj, betas: frozenset[str], known: set[str]) -> None:
    for name in body:
        if name in known:
            continue
        prefixes = WITH_BETA.get(name, ())
        if not any(beta.startswith(prefix) for prefix in prefixes for beta in betas):
            raise invalid(f"{name}: Extra inputs are not permitted")


def _check_max_tokens(body: Obj) -> None:
    value: Any = body.get("max_tokens")
    if "max_tokens" not in body:
        raise invalid("max_tokens: Field required")
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if value < 1:
        raise invalid("max_tokens: must be greater than or equal to 1")


def _check_stream(value: Any) -> None:
    if value is not None and not isinstance(value, bool):
        raise invalid("stream: Input should be a valid boolean")


def _check_metadata(body: Obj) -> None:
    for name in obj(body.get("metadata")):
        if name != "user_id":
            raise invalid(f"metadata.{name}: Extra inputs are not permitted")


def _check_thinking(body: Obj, betas: frozenset[str]) -> None:
    if body.get("thinking") is None:
        return
    thinking = obj(body["thinking"])
    kind = str(thinking.get("type"))
    if kind not in THINKING_FIELDS:
        raise invalid(
            f"thinking: Input tag '{kind}' found using 'type' does not match any of the expected"
            " tags: 'adaptive', 'disabled', 'enabled'"
        )
    for name in thinking:
        if name not in THINKING_FIELDS[kind]:
            raise invalid(f"thinking.{kind}.{name}: Extra inputs are not permitted")
    if "block_binding" in thinking and BINDING_BETA not in betas:
        raise invalid(f"thinking.{kind}.block_binding: Extra inputs are not permitted")
    behavior = obj(thinking.get("block_binding")).get("prefix_mismatch_behavior")
    if behavior not in (None, "error", "drop_block"):
        raise invalid(
            f"thinking.{kind}.block_binding.prefix_mismatch_behavior: Input should be 'error' or"
            " 'drop_block'"
        )
    if kind == "enabled":
        _check_budget(thinking, body)


def _check_budget(thinking: Obj, body: Obj) -> None:
    budget: Any = thinking.get("budget_tokens")
    if not isinstance(budget, int):
        raise invalid("thinking.enabled.budget_tokens: Field required")
    if budget < MINIMUM_BUDGET:
        raise invalid(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024"
        )
    if "max_tokens" in body and budget >= body["max_tokens"]:
        raise invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our"
            " documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
            "#max-tokens-and-context-window-size"
        )


def _check_tools(body: Obj) -> None:
    names: set[str] = set()
    for i, tool in enumerate(map(obj, arr(body.get("tools")))):
        custom = tool.get("type") in (None, "custom")
        for name in ("name", "input_schema") if custom else ():
            if name not in tool:
                raise invalid(f"tools.{i}.custom.{name}: Field required")
        if str(tool.get("name")) in names:
            raise invalid("tools: Tool names must be unique.")
        names.add(str(tool.get("name")))


def _check_edits(body: Obj) -> None:
    for edit in map(obj, arr(obj(body.get("context_management")).get("edits"))):
        kind = str(edit.get("type"))
        if kind.startswith("clear_thinking_") and obj(body.get("thinking")).get("type") not in (
            "enabled",
            "adaptive",
        ):
            raise invalid(
                f"context_management.edits: `{kind}` strategy requires `thinking` to be enabled or"
                " adaptive"
            )
