"""Epochs for the store, without a planner."""

from palimpsest.context.model import (
    Cause,
    Decision,
    Epoch,
    Reason,
)


def epoch(chain: bytes, depth: int, *, number: int = 1, cut: int = 0) -> Epoch:
    """One that drops the message at ``cut``."""
    return Epoch(
        chain=chain,
        depth=depth,
        cause=Cause.PRESSURE,
        number=number,
        tokens_before=1000,
        tokens_after=100,
        escape=False,
        decisions=(Decision(cut, drop=Reason.OLD_EXCHANGE, tokens_before=900),),
    )
