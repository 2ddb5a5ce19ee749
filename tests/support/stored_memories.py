"""Memories to store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from palimpsest.memory.model import (
    Fix,
    Kind,
    Memory,
    Pattern,
    memory_id,
)

TENANT = "default"
PROJECT = "/home/me/project"
SAID_AT = datetime(2026, 11, 1, tzinfo=UTC)


def turn(text: str, number: int = 0, **fields: Any) -> Memory:
    """Part of a message; each ``number`` is another message, a minute after the one before."""
    chain = number.to_bytes(32, "big").hex()
    given: dict[str, Any] = {"project": PROJECT, "conversation": "conv_1", **fields}
    return Memory(
        id=memory_id(TENANT, given["project"], Kind.TURN, chain, "0"),
        tenant=TENANT,
        kind=Kind.TURN,
        text=text,
        role="user",
        position=number,
        chain=chain,
        said_at=SAID_AT + timedelta(minutes=number),
        **given,
    )


def pattern(trigger: str, **fields: Any) -> Memory:
    given: dict[str, Any] = {
        "project": PROJECT,
        "conversation": "conv_1",
        "said_at": SAID_AT,
        **fields,
    }
    return Memory(
        id=memory_id(TENANT, given["project"], Kind.PATTERN, trigger, "make test"),
        tenant=TENANT,
        kind=Kind.PATTERN,
        text=f"{trigger}: make test",
        detail=Pattern(trigger, ("make test",)),
        **given,
    )


def fix(signature: str, **fields: Any) -> Memory:
    given: dict[str, Any] = {
        "project": PROJECT,
        "conversation": "conv_1",
        "said_at": SAID_AT,
        **fields,
    }
    return Memory(
        id=memory_id(TENANT, given["project"], Kind.FIX, signature, "add the import"),
        tenant=TENANT,
        kind=Kind.FIX,
        text=f"{signature}\nadd the import",
        detail=Fix(signature, f"{signature} in line 3", "add the import"),
        **given,
    )
