"""Conversations made up by hypothesis: what a client might send, and nothing the API would refuse.

Texts are long, distinct and made from a number, so that an example stays small.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from harness.eval.messages import Message

WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")
SIGNATURE = "A" * 1_200
IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}


@dataclass(frozen=True)
class Step:
    """What happens next. ``size`` in words; ``count``: how many calls at once; ``steered``: the
    system speaks after it, where the model knows that."""

    kind: str
    size: int
    count: int
    thinks: bool
    steered: bool
    wait: float


@dataclass(frozen=True)
class Conversation:
    """Messages that end with a reply, and seconds before each."""

    limit: int
    model: str
    thinking: str
    messages: list[Message]
    waits: list[float]


def text(number: int, words: int) -> str:
    """Lines of words that no other number gives."""
    random = Random(number)
    line = (
        f"{random.choice(WORDS)}-{number}-{i} {random.choice(WORDS)}" for i in range(words // 2)
    )
    return "\n".join((f"text {number}", *line))


def conversation(
    limit: int, model_and_thinking: tuple[str, str], steps: list[Step]
) -> Conversation:
    """Deterministic in its arguments."""
    model, thinking = model_and_thinking
    messages: list[Message] = [user(block(0, 40))]
    waits = [1.0]
    for number, step in enumerate(steps, 1):
        made = list(_told(number, step, loop=thinking == "enabled"))
        if step.kind in ("human", "read") and step.steered and thinking == "adaptive":
            made.append({"role": "system", "content": text(number, 15)})
        messages += made
        waits += [step.wait] * len(made)
    messages.append({"role": "assistant", "content": [block(len(steps) + 1, 10)]})
    return Conversation(limit, model, thinking, messages, [*waits, 1.0])


def user(*content: Any) -> Message:
    return {"role": "user", "content": list(content)}


def block(number: int, words: int) -> Message:
    return {"type": "text", "text": text(number, words)}


def _told(number: int, step: Step, *, loop: bool) -> Iterator[Message]:
    thought = {"type": "thinking", "thinking": f"thought {number}", "signature": SIGNATURE}
    thinks = [thought] if step.thinks or loop else []
    if step.kind == "human":
        yield {"role": "assistant", "content": [*thinks, block(number, 30)]}
        yield user(block(-number, step.size))
        return
    calls = [_call(number, i, step) for i in range(step.count)]
    yield {"role": "assistant", "content": [*thinks, *calls]}
    answers: list[Message] = [_result(call, number, step) for call in calls]
    match step.kind:
        case "interrupted":
            answers.append(block(-number, 20))
        case "reminded":
            reminder = f"<system-reminder>\n{text(-number, 30)}\n</system-reminder>"
            answers.append({"type": "text", "text": reminder})
        case "printed":
            output = f"<local-command-stdout>{text(-number, step.size)}</local-command-stdout>"
            answers.append({"type": "text", "text": output})
        case _:
            pass
    yield user(*answers)


def _call(number: int, index: int, step: Step) -> Message:
    names = {"skill": "Skill", "list": "TodoWrite", "search": "ToolSearch", "task": "TaskCreate"}
    name = names.get(step.kind, "Read" if number % 2 else "Bash")
    given: Message = {"file_path": f"/src/{number % 7}.py", "command": text(number, 10)}
    return {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": name, "input": given}


def _result(call: Message, number: int, step: Step) -> Message:
    said = text(7 if step.kind == "same" else number, step.size)
    content: Any = said
    match step.kind:
        case "search":
            content = [{"type": "tool_reference", "tool_name": "Grep"}]
        case "image":
            content = [{"type": "text", "text": said}, IMAGE]
        case "list":
            content = [{"type": "text", "text": said}]
        case _:
            pass
    found: Message = {"type": "tool_result", "tool_use_id": call["id"], "content": content}
    return found | ({"is_error": True} if step.kind == "failed" else {})


KINDS = (
    *("human", "read", "read", "same", "failed", "interrupted", "reminded", "printed"),
    *("skill", "list", "search", "task", "image"),
)
STEPS = st.builds(
    Step,
    kind=st.sampled_from(KINDS),
    size=st.sampled_from((4, 60, 600, 2_500, 6_000)),
    count=st.integers(1, 3),
    thinks=st.booleans(),
    steered=st.booleans(),
    wait=st.sampled_from((1.0, 1.0, 1.0, 400.0)),
)
CONVERSATIONS = st.builds(
    conversation,
    limit=st.sampled_from((20_000, 40_000, 80_000)),
    model_and_thinking=st.sampled_from(
        (
            ("claude-opus-5-5", "adaptive"),
            ("claude-opus-5", "adaptive"),
            ("claude-sonnet-4-5", "enabled"),
        )
    ),
    steps=st.lists(STEPS, min_size=3, max_size=60),
)
