"""The recorded sessions: every segment joined, repaired, with its times and true prompt sizes."""

import gzip
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from harness.eval.repair import Message, repair_messages


class Half(StrEnum):
    """The half of the data that constants are tuned on, and the one that figures are from."""

    TUNING = "tuning"
    HELD_OUT = "held-out"


DATA = Path(__file__).parents[3] / "shared" / "data"
HALVES = tuple(Half)
UNREADABLE = (OSError, EOFError, msgspec.MsgspecError, LookupError, TypeError, ValueError)
"""What ``load`` raises for a file that is no session."""
_SUMMARY = "This session is being continued from a previous conversation"
_DEFAULT_MODEL = "claude-opus-4-5"


@dataclass(frozen=True)
class Turn:
    """A message; ``at``: when, in seconds; ``prompt``: on an assistant's, the true size in tokens
    of the prompt that it answers, None where it was not recorded."""

    message: Message
    at: float
    prompt: int | None = None

    @property
    def is_reply(self) -> bool:
        return self.message["role"] == "assistant"


@dataclass(frozen=True)
class Session:
    """``starts`` are the positions where the client began a new segment, the first one left out."""

    id: str
    model: str
    turns: tuple[Turn, ...]
    starts: tuple[int, ...] = ()

    @property
    def half(self) -> Half:
        """By a hash of the id, so that a session is always in the same half."""
        return HALVES[sha256(self.id.encode()).digest()[0] & 1]

    @property
    def calls(self) -> list[int]:
        """The positions of the replies that have a prompt before them."""
        return [i for i, turn in enumerate(self.turns) if turn.is_reply and i > 0]

    def with_messages(self, messages: list[Message]) -> "Session":
        """The same session with other words."""
        pairs = zip(self.turns, messages, strict=True)
        return replace(self, turns=tuple(replace(turn, message=m) for turn, m in pairs))


def paths(data: Path) -> list[Path]:
    """The sessions' files in a folder of the layout of ``../shared/data``, the largest first."""
    found = (data / "agent_sessions").glob("*.json.gz")
    return sorted(found, key=lambda path: (-path.stat().st_size, path.name))


def load(path: Path) -> Session:
    """One session; raises one of ``UNREADABLE`` when the file is not one."""
    recorded: dict[str, Any] = msgspec.json.decode(gzip.decompress(path.read_bytes()))
    name = str(recorded.get("session") or path.name.partition(".")[0])
    turns: list[Turn] = []
    starts: list[int] = []
    for number, segment in enumerate(recorded["segments"]):
        if number:
            starts.append(len(turns))
        turns += _turns(segment[1:] if number and _is_summary(segment) else segment, turns)
    messages, origins = repair_messages([turn.message for turn in turns])
    kept = tuple(
        replace(turns[origin], message=message, prompt=turns[origin].prompt if own else None)
        for message, (origin, own) in zip(messages, origins, strict=True)
    )
    moved = tuple(next((i for i, o in enumerate(origins) if o[0] >= s), len(kept)) for s in starts)
    return Session(name, _model(path.parent, name), kept, moved)


def _turns(segment: list[Message], before: list[Turn]) -> list[Turn]:
    found: list[Turn] = []
    at = before[-1].at if before else 0.0
    for message in segment:
        at = max(at, _seconds(message.get("_ts")))
        usage: dict[str, Any] = message.get("_usage") or {}
        sent = {name: value for name, value in message.items() if not name.startswith("_")}
        found.append(Turn(sent, at, usage.get("input")))
    return found


def _is_summary(segment: list[Message]) -> bool:
    return bool(segment) and _SUMMARY in str(segment[0].get("content"))[:500]


def _seconds(stamp: Any) -> float:
    return datetime.fromisoformat(stamp).timestamp() if isinstance(stamp, str) else 0.0


def _model(folder: Path, session: str) -> str:
    index = folder / "index.json"
    if not index.exists():
        return _DEFAULT_MODEL
    rows: list[dict[str, Any]] = msgspec.json.decode(index.read_bytes())
    models = next((row.get("models") for row in rows if row.get("session") == session), None)
    return models[0] if models else _DEFAULT_MODEL
