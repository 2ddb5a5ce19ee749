"""One logical request of a client, drawn from a seed: its body and its client's habits."""

import random
from dataclasses import dataclass
from typing import Literal

import msgspec
from blake3 import blake3

Habit = Literal["stays", "returns", "leaves"]

_HABITS: tuple[tuple[Habit, float], ...] = (("stays", 0.72), ("returns", 0.16), ("leaves", 0.12))
_TOOL = {"name": "noop", "description": "Nothing.", "input_schema": {"type": "object"}}
_STREAMED = 0.9


@dataclass(frozen=True, slots=True)
class Ask:
    """``leave_after`` is how long a client reads that does not stay, ``away`` until it is back,
    ``patience`` how much silence it bears; all in seconds."""

    body: bytes
    stream: bool
    session: str
    secret: str
    habit: Habit
    leave_after: float
    away: float
    patience: float

    @property
    def hash(self) -> str:
        """How the provider's log names the body."""
        return blake3(self.body).hexdigest()

    @property
    def headers(self) -> dict[str, str]:
        oauth = self.secret.startswith("sk-ant-oat")
        credential = {"authorization": f"Bearer {self.secret}"} if oauth else {}
        return {
            "anthropic-version": "2023-06-01",
            "content-type": "application/json",
            "x-claude-code-session-id": self.session,
            **(credential or {"x-api-key": self.secret}),
        }


def draw(seed: int, client: int, number: int, secrets: list[str]) -> Ask:
    """The ``number``-th ask of a client; the same for the same seed and secrets."""
    dice = random.Random(f"{seed}/ask/{client}/{number}")
    stream = dice.random() < _STREAMED
    names, weights = zip(*_HABITS, strict=True)
    padding = "lorem ipsum " * dice.choice((0, 5, 200, 3000))
    body = {
        "model": "claude-sonnet-4-6",
        "max_tokens": 8000,
        "stream": stream,
        "tools": [_TOOL],
        "messages": [
            {"role": "user", "content": f"{padding}seed {seed} client {client} ask {number}"}
        ],
    }
    return Ask(
        body=msgspec.json.encode(body),
        stream=stream,
        session=f"session-{seed}-{client}",
        secret=dice.choice(secrets),
        habit=dice.choices(names, weights)[0],
        leave_after=dice.uniform(0.05, 3),
        away=dice.uniform(0.2, 4),
        patience=dice.choice((6.0, 12.0, 20.0)),
    )
