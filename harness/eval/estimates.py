"""How far the estimate of a prompt's size is from the truth, as the product would make it.

System and tools are not recorded: they are what the first measured prompt leaves. From then on the
ratio is learned from each answer as the store does it (0.7 of the old, 0.3 of the new).
"""

from collections.abc import Iterator

from harness.eval.client import encode, system_tokens
from harness.eval.sessions import Session
from harness.eval.sized_message import size_message
from palimpsest.dialects.anthropic.models import lookup

_OLD = 0.7


def errors(session: Session) -> list[float]:
    """The relative error of each estimate. Prompts that share a record, and those that the client
    itself had shortened, are left out."""
    ratio: float | None = None
    found: list[float] = []
    for true, counted in _measured(session):
        if ratio is not None:
            found.append(abs(counted * ratio - true) / true)
        new = true / counted
        ratio = new if ratio is None else _OLD * ratio + (1 - _OLD) * new
    return found


def _measured(session: Session) -> Iterator[tuple[int, float]]:
    """The true size of each prompt, and our count of it, in one segment after the other."""
    info = lookup(session.model)
    counted, largest = system_tokens(session), 0
    for position, turn in enumerate(session.turns):
        if position in session.starts:
            return
        if turn.prompt and counted and turn.prompt > largest:
            yield turn.prompt, counted
            largest = turn.prompt
        counted += size_message(encode(turn.message), info.image_tokens).tokens
