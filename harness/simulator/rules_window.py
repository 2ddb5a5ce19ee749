"""How much fits: the output limit, the window, and their sum."""

from harness.simulator.models import LONG_CONTEXT_BETA, Model
from harness.simulator.problem import invalid


def window(model: Model, betas: frozenset[str]) -> int:
    """The model's window in tokens, with the long-context beta where it needs one."""
    return 1_000_000 if model.long_beta and LONG_CONTEXT_BETA in betas else model.window


def check_output(name: str, max_tokens: int, model: Model) -> None:
    """`max_tokens` is within the model's limit."""
    if max_tokens > model.max_output:
        raise invalid(
            f"max_tokens: {max_tokens} > {model.max_output}, which is the maximum allowed number of"
            f" output tokens for {name}"
        )


def check_input(tokens: int, max_tokens: int, limit: int, *, validates_sum: bool) -> None:
    """The prompt fits, and so does the answer where the model insists."""
    if tokens > limit:
        raise invalid(f"prompt is too long: {tokens} tokens > {limit} maximum")
    if validates_sum and tokens + max_tokens > limit:
        raise invalid(
            f"input length and `max_tokens` exceed context limit: {tokens} + {max_tokens} >"
            f" {limit}, decrease input length or `max_tokens` and try again"
        )
