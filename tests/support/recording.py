"""A recording of what a client sent: each request's body in a file, and what was made of it."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from palimpsest.conversations.compaction import is_compacted
from palimpsest.conversations.lineage import lineage
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.gateway.model import TENANT
from tests.support.supervisor import Up
from tests.support.tap import Message, Tap
from tests.support.whole_stack import ended


@dataclass(frozen=True)
class Turn:
    """One managed request: ``chain`` is that of the body as the client sent it, kept at ``path``;
    ``conversation`` and ``number`` are what `GET /v1/requests/{id}` tells of it."""

    path: Path
    conversation: str
    number: int
    status: int
    began: datetime
    ended: datetime
    session: str | None
    agent: str | None
    chain: tuple[bytes, ...]

    @property
    def body(self) -> dict[str, Any]:
        return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Any])

    @property
    def thoughts(self) -> int:
        """How many thinking blocks it carries."""
        return self.path.read_bytes().count(b'"type":"thinking"')

    @property
    def compacted(self) -> bool:
        """Whether it begins with the client's summary of what was before."""
        return is_compacted(parse(self.path.read_bytes()))

    def extends(self, earlier: "Turn") -> bool:
        """Whether it begins with all that the earlier one said."""
        return earlier.chain[-1] in self.chain


class Recording:
    """What came through a tap, in the order in which requests began; kept in ``folder``."""

    def __init__(self, folder: Path, tap: Tap, up: Up) -> None:
        self._folder, self._tap, self._up = folder, tap, up
        self._seen: set[str] = set()
        self.turns: list[Turn] = []

    async def new(self) -> list[Turn]:
        """The turns since the last look."""
        found: list[Turn] = []
        for asked, answer in self._tap.exchanges:
            request_id = answer.header("x-palimpsest-request-id")
            if request_id and request_id not in self._seen and _managed(asked):
                self._seen.add(request_id)
                found.append(self._keep(await ended(self._up, request_id), asked))
        found.sort(key=lambda turn: turn.began)
        self.turns += found
        return found

    def _keep(self, row: dict[str, Any], asked: Message) -> Turn:
        path = self._folder / f"{row['id']}.json"
        path.write_bytes(asked.body)
        return Turn(
            path=path,
            conversation=row["conversation"],
            number=row["turn"],
            status=row["status"],
            began=datetime.fromisoformat(row["accepted_at"]),
            ended=datetime.fromisoformat(row["ended_at"]),
            session=asked.header("x-claude-code-session-id"),
            agent=asked.header("x-claude-code-agent-id"),
            chain=lineage(TENANT, parse(path.read_bytes())),
        )


def _managed(asked: Message) -> bool:
    return asked.target.partition(b"?")[0] == b"/v1/messages"
