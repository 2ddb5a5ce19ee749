"""Thinking blocks: byte-exact, bound to what came before, and first where thinking is enabled."""

from harness.simulator.canonical import THINKING
from harness.simulator.models import Model
from harness.simulator.problem import Problem, invalid
from harness.simulator.rules_fields import BINDING_BETA
from harness.simulator.seal import Binder, Bond, Seal
from harness.simulator.shape import Obj, blocks, obj
from harness.simulator.view import View

DOCS = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"


def check(asked: View, model: Model, seal: Seal, binder: Binder) -> list[Obj]:
    """The thinking blocks that are dropped, as `input_transformations` entries.

    Leads ``binder`` to the end of the prompt. Raises `Problem` for a block that is refused.
    """
    if asked.thinking.get("type") == "enabled":
        check_enabled(asked.messages)
    dropped: list[Obj] = []
    ignored = asked.thinking.get("type") == "disabled"
    for i, message in enumerate(asked.messages):
        role = str(message.get("role"))
        for j, block in enumerate(blocks(message.get("content"))):
            if block.get("type") not in THINKING:
                binder.past(role, block)
                continue
            if ignored:
                continue
            path = f"messages.{i}.content.{j}"
            reason = _reason(path, role, block, asked, model, seal, binder)
            if reason is None:
                binder.past_thinking(block)
            else:
                dropped.append({"type": "thinking_dropped", "path": path, "reason": reason})
    return dropped


def _reason(
    path: str, role: str, block: Obj, asked: View, model: Model, seal: Seal, binder: Binder
) -> str | None:
    """Why the block is dropped; None when it is valid."""
    kind = str(block["type"])
    if role != "assistant":
        raise invalid(f"{path}: `{kind}` blocks can only be in `assistant` messages")
    bond = seal.open(block.get("signature"), str(block.get("thinking", "")))
    if kind == "redacted_thinking":
        bond = seal.open(block.get("data"), "")
    if bond is None:
        name = "signature" if kind == "thinking" else "data"
        raise invalid(f"{path}: Invalid `{name}` in `{kind}` block")
    if bond.model != asked.model:
        return "model_binding_mismatch"
    changed = what_changed(bond, binder.bond()) if model.preserved else None
    if changed is None:
        return None
    if _behavior(asked) == "drop_block":
        return "prefix_binding_mismatch"
    raise bound_elsewhere(path, kind, changed, told=BINDING_BETA in asked.betas)


def _behavior(asked: View) -> str:
    binding = obj(asked.thinking.get("block_binding"))
    return str(binding.get("prefix_mismatch_behavior") or "error")


def what_changed(made: Bond, now: Bond) -> str | None:
    """The API's sentence about the first difference between two states; None when equal.

    The oldest thinking blocks may be left out: a block whose predecessors are all gone is valid.
    """
    if made.system != now.system:
        return "The `system` prompt differs from the one this block was created with."
    if made.tools != now.tools:
        return "The `tools` differ from the ones this block was created with."
    if made.messages != now.messages:
        return "Content before this block differs from when it was created."
    if now.before and made.before != now.before:
        return (
            "The `thinking` block that preceded this one when it was created is missing from this"
            " request."
        )
    return None


def bound_elsewhere(path: str, kind: str, changed: str, *, told: bool) -> Problem:
    """The 400 of a block whose prefix has changed; ``told``: the beta header was sent."""
    name = "signature" if kind == "thinking" else "data"
    header = f" That setting requires the `{BINDING_BETA}` value in the `anthropic-beta` header."
    return invalid(
        f"{path}: Invalid `{name}` in `{kind}` block. The block is bound to a different"
        " conversation. Remove the block, or set"
        ' `thinking.block_binding.prefix_mismatch_behavior` to "drop_block".'
        f"{'' if told else header} {changed}"
    )


def check_enabled(messages: list[Obj]) -> None:
    """With thinking enabled, a tool loop's last assistant message begins with its thinking."""
    for i, message in enumerate(messages):
        content = blocks(message.get("content"))
        if message.get("role") == "assistant" and any(b.get("type") in THINKING for b in content):
            first = content[0].get("type")
            if first not in THINKING:
                raise invalid(
                    f"messages.{i}.content.0: If an assistant message contains any thinking blocks,"
                    f" the first block must be `thinking` or `redacted_thinking`. Found `{first}`."
                )
    loop = _loop_head(messages)
    if loop is None:
        return
    i, first = loop
    if first not in THINKING:
        raise invalid(
            f"messages.{i}.content.0.type: Expected `thinking` or `redacted_thinking`, but found"
            f" `{first}`. When `thinking` is enabled, a final `assistant` message must start with a"
            " thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks)."
            " We recommend you include thinking blocks from previous turns. To avoid this"
            f" requirement, disable `thinking`. Please consult our documentation at {DOCS}"
        )


def _loop_head(messages: list[Obj]) -> tuple[int, str] | None:
    """Index and first block type of the assistant message whose results end the conversation."""
    spoken = [(i, m) for i, m in enumerate(messages) if m.get("role") != "system"]
    if len(spoken) < 2:
        return None
    (i, asked), (_, last) = spoken[-2], spoken[-1]
    answers = any(b.get("type") == "tool_result" for b in blocks(last.get("content")))
    if not answers or asked.get("role") != "assistant":
        return None
    content = blocks(asked.get("content"))
    return i, str(content[0].get("type")) if content else ""
