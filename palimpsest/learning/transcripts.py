"""Parses Claude Code's own transcripts: lines of JSON that each name the one before.

A *record* is a line with a `uuid`. One answer is several records, one for each block, and results
of parallel calls hang on the record of their call; turns that a person took back hang on a branch
of their own, and are left out, as are sub-agents and the client's notes for itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

_SHAPES = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_DECODER = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class TranscriptMessage:
    """One message.

    ``raw``: as the API has it, in JSON.
    ``said_at``: when its last part was written.
    """

    raw: bytes
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Transcript:
    """The main conversation of one file.

    ``session``: the client's session id; empty if no line has one.
    ``project``: the working directory that the session began in.
    ``malformed``: the number of lines that were left out.
    """

    session: str
    project: str
    messages: tuple[TranscriptMessage, ...]
    malformed: int = 0


def parse_transcript(lines: Iterable[bytes]) -> Transcript:
    """Parses the lines of one file; without messages if they are no conversation."""
    records, malformed = _decode_records(lines)
    main = [record for record in records if not record.get("isSidechain")]
    kept = _main_line(main)
    named = [record for record in kept if _text(record, "sessionId")]
    return Transcript(
        session=_text(named[0], "sessionId") if named else "",
        project=next((cwd for record in main if (cwd := _text(record, "cwd"))), ""),
        messages=tuple(_join_messages(kept)),
        malformed=malformed,
    )


def _decode_records(lines: Iterable[bytes]) -> tuple[list[dict[str, Any]], int]:
    found: dict[str, dict[str, Any]] = {}
    malformed = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            record = _DECODER.decode(line)
        except _SHAPES:
            malformed += 1
            continue
        if uuid := _text(record, "uuid"):
            found[uuid] = record
    return list(found.values()), malformed


def _main_line(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records with messages on the path from the newest back to the first, and the results and
    blocks that belong to them."""
    by_uuid = {_text(record, "uuid"): record for record in records}
    path: set[str] = set()
    at = next((r for r in reversed(records) if _message(r) is not None), None)
    while at is not None and (uuid := _text(at, "uuid")) not in path:
        path.add(uuid)
        before = _text(at, "parentUuid") or _text(at, "logicalParentUuid")
        at = by_uuid.get(before)
    answers = {_answer_id(by_uuid[uuid]) for uuid in path} - {""}
    kept: list[dict[str, Any]] = []
    for record in records:
        if _message(record) is None:
            continue
        uuid = _text(record, "uuid")
        beside = _is_result(record) and _text(record, "parentUuid") in path
        if uuid in path or _answer_id(record) in answers or beside:
            path.add(uuid)
            kept.append(record)
    return kept


def _join_messages(records: Sequence[dict[str, Any]]) -> Iterable[TranscriptMessage]:
    """Joins records into messages, in the order of the file: successive records of one role are one
    message."""
    role, blocks, at = "", list[Any](), datetime.min.replace(tzinfo=UTC)
    for record in records:
        message = _message(record) or {}
        if message["role"] != role and blocks:
            yield TranscriptMessage(_encode_message(role, blocks), at)
            blocks = []
        role = message["role"]
        blocks += _blocks(message["content"])
        at = _time(record) or at
    if blocks:
        yield TranscriptMessage(_encode_message(role, blocks), at)


def _encode_message(role: str, blocks: list[Any]) -> bytes:
    return msgspec.json.encode({"role": role, "content": blocks})


def _message(record: dict[str, Any]) -> dict[str, Any] | None:
    """The message of a record, or of a prompt that waited in the client's queue; None if it has
    none."""
    kind = record.get("type")
    if record.get("isMeta"):
        return None
    if kind in ("user", "assistant"):
        message = record.get("message")
        if not isinstance(message, dict):
            return None
        content = cast("dict[str, Any]", message).get("content")
        if not isinstance(content, str | list) or not content:
            return None
        return {"role": kind, "content": content}
    waited = record.get("attachment") if kind == "attachment" else None
    if isinstance(waited, dict):
        fields = cast("dict[str, Any]", waited)
        said = fields.get("prompt")
        if fields.get("type") == "queued_command" and isinstance(said, str | list) and said:
            return {"role": "user", "content": said}
    return None


def _blocks(content: str | list[Any]) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _answer_id(record: dict[str, Any]) -> str:
    """The id of the answer that a record is a part of; empty if it is of none."""
    message = record.get("message") if record.get("type") == "assistant" else None
    return _text(cast("dict[str, Any]", message), "id") if isinstance(message, dict) else ""


def _is_result(record: dict[str, Any]) -> bool:
    content = (_message(record) or {}).get("content")
    if record.get("type") != "user" or not isinstance(content, list):
        return False
    blocks = cast("list[Any]", content)
    kinds = (cast("dict[str, Any]", b).get("type") for b in blocks if isinstance(b, dict))
    return "tool_result" in kinds


def _text(record: dict[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _time(record: dict[str, Any]) -> datetime | None:
    try:
        time = datetime.fromisoformat(_text(record, "timestamp"))
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
