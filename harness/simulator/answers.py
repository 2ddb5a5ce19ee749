"""Makes a message of content blocks: ids, signatures, stop reason, usage."""

import secrets
from collections.abc import Callable
from typing import Protocol

from harness.simulator.shape import Obj
from harness.simulator.view import STEP_MARK, View

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz"


class Signer(Protocol):
    """Signs the thinking blocks of one answer in order; told of every other block as well."""

    def sign(self, block: Obj) -> Obj: ...
    def saw(self, block: Obj) -> None: ...


def token(prefix: str) -> str:
    """An id in the API's form."""
    return f"{prefix}_01" + "".join(secrets.choice(ALPHABET) for _ in range(22))


def complete(content: list[Obj], view: View, signer: Signer) -> list[Obj]:
    """The blocks with their ids and signatures, in the API's field order."""
    done: list[Obj] = []
    for block in content:
        if block["type"] in ("thinking", "redacted_thinking"):
            done.append(signer.sign(block))
            continue
        if block["type"] == "tool_use":
            random = "".join(secrets.choice(ALPHABET) for _ in range(16))
            block = {
                "type": "tool_use",
                "id": block.get("id") or f"{STEP_MARK}{view.step}_{random}",
                "name": block["name"],
                "input": block["input"],
            }
        signer.saw(block)
        done.append(block)
    return done


def stop_reason(content: list[Obj]) -> str:
    """`tool_use` when a client tool was called, else `end_turn`."""
    return "tool_use" if any(b["type"] == "tool_use" for b in content) else "end_turn"


def truncated(
    content: list[Obj], max_tokens: int, count: Callable[[Obj], int]
) -> tuple[list[Obj], bool]:
    """The content within ``max_tokens``: a text is cut, what no longer fits is left out."""
    kept: list[Obj] = []
    left = max_tokens
    for block in content:
        size = count(block)
        if size <= left:
            kept.append(block)
            left -= size
            continue
        if block["type"] == "text" and left > 0:
            chars = max(1, len(block["text"]) * left // size)
            kept.append({**block, "text": block["text"][:chars]})
        return kept, True
    return kept, False


def message(model: str, content: list[Obj], stop: str, usage: Obj, **more: object) -> Obj:
    """A message document in the API's field order."""
    return {
        "model": model,
        "id": token("msg"),
        "type": "message",
        "role": "assistant",
        "content": content,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": usage,
        **more,
    }
