"""Judges a Messages request by every rule, in the API's order."""

from dataclasses import dataclass, field

from harness.simulator import (
    models,
    rules_cache,
    rules_fields,
    rules_messages,
    rules_system,
    rules_thinking,
    rules_tools,
    rules_window,
)
from harness.simulator.cache import Piece
from harness.simulator.canonical import (
    BILLING,
    block_digest,
    digest,
    plain,
)
from harness.simulator.problem import Problem
from harness.simulator.seal import Binder, Seal
from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)
from harness.simulator.tokens import Sizes, Tokens
from harness.simulator.view import View


@dataclass(frozen=True)
class Judged:
    """A request that keeps the rules: its model, its pieces for the cache, its binder.

    ``dropped`` are the thinking blocks left out of the prompt, as `input_transformations` entries.
    """

    model: models.Model
    pieces: list[Piece]
    binder: Binder
    max_tokens: int
    dropped: list[Obj] = field(default_factory=list[Obj])


def judge(
    asked: View,
    *,
    tokens: Tokens,
    seal: Seal,
    window: int | None = None,
    validates_sum: bool | None = None,
) -> Judged:
    """The request, judged; raises `Problem` for the first rule it breaks."""
    body = asked.body
    rules_fields.check(body, asked.betas)
    model = _model(asked)
    rules_window.check_output(asked.model, int(body["max_tokens"]), model)
    _check_messages(asked, model)
    binder = Binder(seal, asked.model, body, omit=asked.thinking.get("display") == "omitted")
    dropped = rules_thinking.check(asked, model, seal, binder)
    sent = without(body, dropped)
    sizes = tokens.request(sent, model.ratio)
    rules_window.check_input(
        sizes.total,
        int(body["max_tokens"]),
        window or rules_window.window(model, asked.betas),
        validates_sum=model.validates_sum if validates_sum is None else validates_sum,
    )
    return Judged(model, pieces(sent, sizes), binder, int(body["max_tokens"]), dropped)


def judge_count(asked: View, seal: Seal) -> Obj:
    """Judge a `count_tokens` request, which has no output limit and no window; what is counted."""
    rules_fields.check(asked.body, asked.betas, counting=True)
    model = _model(asked)
    _check_messages(asked, model)
    binder = Binder(seal, asked.model, asked.body)
    return without(asked.body, rules_thinking.check(asked, model, seal, binder))


def _model(asked: View) -> models.Model:
    model = models.find(asked.model)
    if model is None:
        raise Problem(404, f"model: {asked.model}")
    return model


def _check_messages(asked: View, model: models.Model) -> None:
    rules_messages.check(asked.body, model, asked.betas)
    rules_tools.check(asked.messages)
    rules_system.check(asked.messages)
    rules_cache.check(asked.body)


def without(body: Obj, dropped: list[Obj]) -> Obj:
    """The body without the blocks at the dropped paths."""
    if not dropped:
        return body
    gone = {str(entry["path"]) for entry in dropped}
    messages: list[Obj] = []
    for i, message in enumerate(map(obj, arr(body["messages"]))):
        kept = [
            block
            for j, block in enumerate(blocks(message.get("content")))
            if f"messages.{i}.content.{j}" not in gone
        ]
        messages.append({**message, "content": kept})
    return {**body, "messages": messages}


def pieces(body: Obj, sizes: Sizes) -> list[Piece]:
    """The prompt's blocks in the cache's order."""
    found: list[Piece] = []
    for tool, size in zip(map(obj, arr(body.get("tools"))), sizes.tools, strict=True):
        found.append(Piece(digest(["tool", plain(tool)]), size, rules_cache.ttl(tool)))
    for block, size in zip(blocks(body.get("system")), sizes.system, strict=True):
        if not str(block.get("text", "")).startswith(BILLING):
            found.append(Piece(block_digest("system prompt", block), size, rules_cache.ttl(block)))
    for message, counts in zip(map(obj, arr(body["messages"])), sizes.messages, strict=True):
        role = str(message.get("role"))
        for block, size in zip(blocks(message.get("content")), counts, strict=True):
            found.append(Piece(block_digest(role, block), size, rules_cache.ttl(block)))
    automatic = rules_cache.ttl(body)
    if automatic is not None and found:
        found[-1] = Piece(found[-1].digest, found[-1].tokens, automatic)
    return found
