"""How many tokens a prompt may have: the model's window less its answer, under the cap."""

from dataclasses import dataclass
from enum import StrEnum

from palimpsest.dialects.model import ModelInfo, TokenEstimate

CAP = 180_000
RESERVE = 32_000
MARGIN_SHARE = 0.05
"""Of the window: for the error of the estimate, and so that Claude Code, which compacts by itself
at 33K below its window, does not come to that."""

_LEAST_RATIO, _MOST_RATIO = 0.6, 2.0


class CappedBy(StrEnum):
    """What sets the limit of a prompt.

    WINDOW: the window less the reserve for the answer
    MAX_TOKENS: the window less the answer the client asks for, where the API checks the sum
    CAP: the configured cap
    """

    WINDOW = "window"
    MAX_TOKENS = "max_tokens"
    CAP = "cap"


@dataclass(frozen=True, slots=True)
class Budget:
    """The most tokens a prompt may have.

    window: tokens of the model's window
    limit: tokens; a longer prompt is too long
    capped_by: what set the limit
    """

    window: int
    limit: int
    capped_by: CappedBy


def budget(
    info: ModelInfo,
    max_tokens: int | None,
    *,
    window_override: int | None = None,
    cap: int | None = CAP,
    reserve: int = RESERVE,
    margin: int | None = None,
) -> Budget:
    """The budget of one request; ``cap=None`` lifts the cap. ``margin`` is in tokens,
    by default a share of the window. The limit is at least 1."""
    window = window_override or info.window
    capped_by = CappedBy.WINDOW
    answer = min(reserve, window // 2)
    if info.validates_sum and max_tokens is not None:
        capped_by, answer = CappedBy.MAX_TOKENS, max_tokens
    limit = window - answer - (round(window * MARGIN_SHARE) if margin is None else margin)
    if cap is not None and cap < limit:
        capped_by, limit = CappedBy.CAP, cap
    return Budget(window=window, limit=max(1, limit), capped_by=capped_by)


def fits(estimate: TokenEstimate, ratio: float, budget: Budget) -> bool:
    """Whether the prompt is within the budget; ``ratio`` is tokens per estimated token."""
    return estimate.total * ratio <= budget.limit


def token_ratio(info: ModelInfo, measured: float | None) -> float:
    """Tokens per estimated token: what the conversation's `usage` taught, within reason. A provider
    that reports too little would else let a conversation grow past its window."""
    return min(max(measured or info.ratio, info.ratio * _LEAST_RATIO), info.ratio * _MOST_RATIO)
