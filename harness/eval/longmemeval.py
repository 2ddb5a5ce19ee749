"""LongMemEval: a question each to some fifty chats with an assistant, a few of which answer it."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from harness.eval.index import TENANT
from harness.eval.questions import Haystack, Place, Question
from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.model import Memory

_UNANSWERABLE = "_abs"


def paths(data: Path) -> list[Path]:
    return sorted((data / "longmemeval").glob("*.jsonl.gz"))


def load(path: Path) -> Iterator[Haystack]:
    """One for each question that has an answer; chats go through the product's archive. Raises
    OSError or msgspec.MsgspecError."""
    with gzip.open(path) as lines:
        for line in lines:
            asked: dict[str, Any] = msgspec.json.decode(line)
            if not str(asked["question_id"]).endswith(_UNANSWERABLE):
                yield _haystack(asked)


def _haystack(asked: dict[str, Any]) -> Haystack:
    name = str(asked["question_id"])
    memories: list[Memory] = []
    evidence: set[Place] = set()
    chats = zip(asked["haystack_sessions"], asked["haystack_dates"], strict=True)
    for number, (turns, date) in enumerate(chats):
        conversation = f"{name} {number}"
        memories += _memories(name, conversation, turns, _moment(date))
        evidence |= {
            Place(conversation, position)
            for position, turn in enumerate(turns)
            if turn.get("has_answer")
        }
    at = _moment(asked["question_date"])
    answering = frozenset(
        f"{name} {number}"
        for number, session in enumerate(asked["haystack_session_ids"])
        if session in asked["answer_session_ids"]
    )
    kind = asked["question_type"]
    question = Question(asked["question"], kind, at, frozenset(evidence), answering)
    return Haystack(name, memories, [question] if evidence else [])


def _memories(
    project: str, conversation: str, turns: list[dict[str, Any]], at: datetime
) -> Iterator[Memory]:
    messages = [
        msgspec.json.encode({"role": turn["role"], "content": turn["content"]}) for turn in turns
    ]
    # A chat may stand in a haystack twice: each is a conversation of its own.
    hashes = chain(root(f"{TENANT} {conversation}"), messages, DIALECT)
    said = [ConversationMessage(raw, link, at) for raw, link in zip(messages, hashes, strict=True)]
    return archive_messages(Origin(TENANT, project, conversation), said, DIALECT)


def _moment(told: str) -> datetime:
    return datetime.strptime(told, "%Y/%m/%d (%a) %H:%M").replace(tzinfo=UTC)
