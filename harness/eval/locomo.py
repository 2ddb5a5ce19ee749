"""LoCoMo: long dialogues of two people, with questions and the turns that answer them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.eval.index import TENANT
from harness.eval.questions import Haystack, Place, Question
from palimpsest.memory.model import Kind, Memory, memory_id

_SESSION = re.compile(r"session_\d+\Z")
_TURN = re.compile(r"D0*(\d+):0*(\d+)")
_KINDS = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop"}


def paths(data: Path) -> list[Path]:
    return sorted((data / "locomo").glob("*.json"))


def load(path: Path) -> Iterator[Haystack]:
    """One for each dialogue; a turn is a memory, a session a conversation. Category 5, whose
    questions have no answer, is left out. Raises OSError or msgspec.MsgspecError."""
    dialogues: list[dict[str, Any]] = msgspec.json.decode(path.read_bytes())
    for dialogue in dialogues:
        name = str(dialogue["sample_id"])
        said = dialogue["conversation"]
        memories = [
            _memory(name, turn, _moment(said[f"{key}_date_time"]))
            for key, turns in said.items()
            if _SESSION.match(key)
            for turn in turns
        ]
        known = {Place(memory.conversation, memory.position) for memory in memories}
        last = max(memory.said_at for memory in memories)
        questions = [
            Question(
                asked["question"],
                _KINDS[asked["category"]],
                last,
                evidence,
                _conversations(evidence),
            )
            for asked in dialogue["qa"]
            if asked["category"] in _KINDS
            and (evidence := _places(name, asked["evidence"]) & known)
        ]
        yield Haystack(name, memories, questions)


def _memory(dialogue: str, turn: dict[str, Any], at: datetime) -> Memory:
    conversation, position = _place(dialogue, turn["dia_id"])
    text = f"{turn['speaker']}: {turn['text']}"
    return Memory(
        id=memory_id(TENANT, dialogue, Kind.TURN, conversation, str(position)),
        tenant=TENANT,
        project=dialogue,
        kind=Kind.TURN,
        text=text,
        conversation=conversation,
        position=position,
        said_at=at,
    )


def _places(dialogue: str, evidence: list[str]) -> frozenset[Place]:
    """Some entries name several turns."""
    turns = (match[0] for entry in evidence for match in _TURN.finditer(entry))
    return frozenset(_place(dialogue, turn) for turn in turns)


def _conversations(places: frozenset[Place]) -> frozenset[str]:
    return frozenset(place.conversation for place in places)


def _place(dialogue: str, turn: str) -> Place:
    match = _TURN.match(turn)
    if match is None:
        raise msgspec.ValidationError(f"{turn!r} names no turn")
    return Place(f"{dialogue} {match[1]}", int(match[2]))


def _moment(told: str) -> datetime:
    return datetime.strptime(told, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
