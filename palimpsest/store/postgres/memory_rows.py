"""Memories as rows: what goes into the table, and what comes out of it."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from palimpsest.memory.model import (
    Detail,
    Fix,
    Kind,
    Memory,
)
from palimpsest.store.postgres.database import Row

_BATCH = 500


def batches(memories: Sequence[Memory]) -> Iterator[str]:
    """As JSON lists that one statement takes each: no id is twice in one."""
    batch: dict[str, dict[str, Any]] = {}
    for memory in memories:
        if len(batch) == _BATCH or memory.id in batch:
            yield _json(list(batch.values()))
            batch = {}
        batch[memory.id] = _row(memory)
    if batch:
        yield _json(list(batch.values()))


def detail_json(detail: Detail | None) -> str | None:
    return None if detail is None else _json(msgspec.to_builtins(detail))


def memory_of(row: Row) -> Memory:
    detail = row["detail"]
    return Memory(
        id=row["id"],
        tenant=row["tenant"],
        caller=row["caller"],
        project=row["project"],
        kind=Kind(row["kind"]),
        text=row["text"],
        role=row["role"],
        conversation=row["conversation_id"],
        position=row["position"],
        part=row["part"],
        chain=row["chain"].hex() if row["chain"] else "",
        language=row["language"],
        files=tuple(row["files"]),
        said_at=row["said_at"],
        detail=None if detail is None else msgspec.convert(detail, Detail),
        confidence=row["confidence"],
        conversations=row["conversations"],
        uses=row["uses"],
        successes=row["successes"],
        failures=row["failures"],
        confirmed=row["confirmed"],
    )


def _row(memory: Memory) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(memory)
    row["conversation_id"] = row.pop("conversation")
    row["signature"] = memory.detail.signature if isinstance(memory.detail, Fix) else None
    return row


def _json(value: Any) -> str:
    """Postgres has no NUL in its texts, escaped or not."""
    return msgspec.json.encode(_without_nul(value)).decode()


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {key: _without_nul(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType]
    return value
