"""What a conversation teaches: all candidates in its messages. Deterministic, one pass for each
kind, nothing but the messages."""

from collections.abc import Sequence

from context.blocks import Message
from context.exchanges import exchanges
from learning.candidate import Candidate
from learning.corrections import corrections
from learning.fixes import fixes
from learning.recipes import recipes
from learning.together import together


def candidates(messages: Sequence[Message], project: str = "") -> list[Candidate]:
    """In the order of the positions that bear them out; ``project`` is the working directory, of
    which paths are told apart from others'."""
    calls = [call for exchange in exchanges(messages) for call in exchange.calls]
    found = [
        *fixes(calls, project),
        *recipes(calls, project),
        *corrections(messages),
        *together(messages, calls, project),
    ]
    return sorted(found, key=lambda one: one.position)
