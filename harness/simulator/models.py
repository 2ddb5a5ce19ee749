"""The models the simulator knows, by prefix of the name. Figures from public documentation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Model:
    """Limits in tokens. ``ratio`` scales cl100k counts; ``preserved`` binds thinking to its prefix.

    ``validates_sum``: input plus ``max_tokens`` beyond the window is an error, not a stop reason.
    ``prefill``: a final assistant message is continued. ``system_role``: accepts mid-conversation
    system messages.
    """

    prefix: str
    window: int = 200_000
    max_output: int = 64_000
    cache_minimum: int = 1_024
    ratio: float = 1.15
    preserved: bool = False
    validates_sum: bool = False
    prefill: bool = True
    system_role: bool = False
    long_beta: bool = False


def _new(prefix: str, *, preserved: bool, cache_minimum: int = 512, ratio: float = 1.35) -> Model:
    return Model(
        prefix,
        window=1_000_000,
        max_output=128_000,
        cache_minimum=cache_minimum,
        ratio=ratio,
        preserved=preserved,
        prefill=False,
        system_role=True,
    )


LONG_CONTEXT_BETA = "context-1m-2025-08-07"

MODELS = (
    _new("claude-fable-5-2", preserved=True),
    _new("claude-fable-5-1", preserved=True),
    _new("claude-fable-5", preserved=False),
    _new("claude-mythos-5-2", preserved=True),
    _new("claude-mythos-5-1", preserved=True),
    _new("claude-mythos-5", preserved=False),
    _new("claude-opus-5-5", preserved=True),
    _new("claude-sonnet-5-5", preserved=True),
    _new("claude-haiku-5-5", preserved=True),
    _new("claude-opus-5", preserved=False),
    _new("claude-sonnet-5", preserved=False, cache_minimum=1_024),
    _new("claude-opus-4-8", preserved=False, cache_minimum=1_024),
    _new("claude-opus-4-7", preserved=False, cache_minimum=2_048),
    Model("claude-opus-4-6", 1_000_000, 64_000, 4_096, prefill=False),
    Model("claude-sonnet-4-6", 1_000_000, 64_000, 1_024, prefill=False),
    Model("claude-opus-4-5", 200_000, 64_000, 4_096),
    Model("claude-sonnet-4-5", 200_000, 32_000, 1_024, long_beta=True),
    Model("claude-haiku-4-5", 200_000, 64_000, 4_096),
    Model("claude-opus-4-1", 200_000, 32_000, 1_024, validates_sum=True),
    Model("claude-opus-4", 200_000, 32_000, 1_024, validates_sum=True),
    Model("claude-sonnet-4", 200_000, 64_000, 1_024, validates_sum=True, long_beta=True),
)


def find(name: str) -> Model | None:
    """The model whose prefix is the longest that ``name`` starts with, or None."""
    fitting = [m for m in MODELS if name == m.prefix or name.startswith(m.prefix + "-")]
    return max(fitting, key=lambda m: len(m.prefix), default=None)


def listed() -> list[dict[str, object]]:
    """The models as ``GET /v1/models`` lists them."""
    return [card(model.prefix) for model in MODELS]


def card(name: str) -> dict[str, object]:
    """One model as ``GET /v1/models/{id}`` tells it."""
    model = find(name)
    shown = " ".join(part.capitalize() for part in name.split("-"))
    return {
        "type": "model",
        "id": name,
        "display_name": shown,
        "created_at": "2026-01-01T00:00:00Z",
        "max_input_tokens": model.window if model else None,
        "max_tokens": model.max_output if model else None,
    }
