"""The newest turn of a person: what was said since the model last spoke."""

from dataclasses import dataclass

from palimpsest.context.speech import Speech, speech
from palimpsest.dialects.model import RequestView, Role


@dataclass(frozen=True, slots=True)
class Turn:
    """``position`` is of the last message that a person wrote in; ``text`` all they wrote."""

    position: int
    text: str


def newest_turn(view: RequestView) -> Turn | None:
    """None when the model has spoken since, or was only given what its tools returned."""
    said: list[str] = []
    place = None
    for position in range(len(view.messages) - 1, -1, -1):
        message = view.dialect.message(view.messages[position])
        if message.role is Role.ASSISTANT:
            break
        if message.role is not Role.USER:
            continue
        texts = [text for block in message.blocks if (text := block.text().strip())]
        human = [text for text in texts if speech(text) is Speech.HUMAN]
        if human:
            place = position if place is None else place
            said[:0] = human
    return None if place is None else Turn(place, "\n\n".join(said))
