"""One logical request of a client, drawn from a seed: its body and how its client behaves."""

import random
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from blake3 import blake3


class ClientHabit(StrEnum):
    """Reads to the end, breaks off and sends again, or breaks off for good."""

    STAYS = "stays"
    RETURNS = "returns"
    LEAVES = "leaves"


_HABIT_WEIGHTS: tuple[tuple[ClientHabit, float], ...] = (
    (ClientHabit.STAYS, 0.72),
    (ClientHabit.RETURNS, 0.16),
    (ClientHabit.LEAVES, 0.12),
)
_TOOL = {"name": "noop", "description": "Nothing.", "input_schema": {"type": "object"}}
_STREAMED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class ClientRequest:
    """A request with its client's behaviour. Times are in seconds."""

    body: bytes
    """Unique, so that its hash identifies the request."""
    stream: bool
    session: str
    secret: str
    """The credential to send."""
    habit: ClientHabit
    leave_after: float
    """How long a client reads that does not stay."""
    away: float
    """From leaving until it sends again."""
    read_timeout: float
    """The longest silence the client accepts."""

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


def draw_request(seed: int, client: int, number: int, secrets: list[str]) -> ClientRequest:
    """The ``number``-th request of a client; the same for the same seed and secrets."""
    dice = random.Random(f"{seed}/ask/{client}/{number}")
    stream = dice.random() < _STREAMED_SHARE
    habits, weights = zip(*_HABIT_WEIGHTS, strict=True)
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
    return ClientRequest(
        body=msgspec.json.encode(body),
        stream=stream,
        session=f"session-{seed}-{client}",
        secret=dice.choice(secrets),
        habit=dice.choices(habits, weights)[0],
        leave_after=dice.uniform(0.05, 3),
        away=dice.uniform(0.2, 4),
        read_timeout=dice.choice((6.0, 12.0, 20.0)),
    )
