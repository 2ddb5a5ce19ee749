"""Encodes memories as lines of JSON for export, and decodes lines that a person imports."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from palimpsest.memory.model import (
    Fix,
    Kind,
    Memory,
    Pattern,
    memory_id,
)
from palimpsest.memory.secrets import redact
from palimpsest.runtime.errors import BadRequest

_ID = re.compile(r"mem_[0-9a-f]{32}\Z")
_LARGEST = 2**31 - 1
_LONGEST_TEXT = 1_000_000
_LONGEST_PROJECT = 4_096
_DECODER = msgspec.json.Decoder(dict[str, Any])


def encode_line(memory: Memory) -> bytes:
    """One line, with its end."""
    return msgspec.json.encode(memory) + b"\n"


def decode_lines(content: bytes, tenant: str) -> list[Memory]:
    """The memories of all lines, for this tenant and without secrets; fields that a line leaves out
    have their defaults. Raises BadRequest that names the first wrong line."""
    found: list[Memory] = []
    for number, given in enumerate(content.splitlines(), 1):
        if given.strip():
            try:
                found.append(_memory(given, tenant))
            except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
                raise BadRequest(f"line {number}: {error}") from error
    return found


def _memory(given: bytes, tenant: str) -> Memory:
    fields = {"id": "", "project": "", **_DECODER.decode(given), "tenant": tenant}
    memory = msgspec.convert(fields, Memory)
    _check(memory)
    clean = msgspec.structs.replace(
        memory,
        text=redact(memory.text),
        detail=redact_detail(memory.detail),
        said_at=_in_utc(memory.said_at),
    )
    if _ID.match(memory.id):
        return clean
    return msgspec.structs.replace(clean, id=_identity(clean))


def _in_utc(time: datetime) -> datetime:
    """The time in UTC; without a zone it is taken as UTC."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def redact_detail(detail: Pattern | Fix | None) -> Pattern | Fix | None:
    """The detail with the secrets in each text redacted."""
    if isinstance(detail, Pattern):
        steps = tuple(redact(step) for step in detail.steps)
        return Pattern(redact(detail.trigger), steps, redact(detail.example))
    if isinstance(detail, Fix):
        return Fix(
            redact(detail.signature),
            redact(detail.error),
            redact(detail.remedy),
            redact(detail.command),
        )
    return None


def _check(memory: Memory) -> None:
    numbers = (memory.part, memory.conversations, memory.uses, memory.successes, memory.failures)
    if not memory.text.strip() or len(memory.text) > _LONGEST_TEXT:
        raise ValueError(f"text: between 1 and {_LONGEST_TEXT} characters")
    if len(memory.project) > _LONGEST_PROJECT:
        raise ValueError(f"project: at most {_LONGEST_PROJECT} characters")
    if not all(0 <= number <= _LARGEST for number in numbers):
        raise ValueError("part and counts: between 0 and 2^31 - 1")
    if not -1 <= memory.position <= _LARGEST:
        raise ValueError("position: between -1 and 2^31 - 1")
    if not 0 <= memory.confidence <= 1:
        raise ValueError("confidence: between 0 and 1")
    if (memory.kind is Kind.TURN) != (memory.detail is None):
        raise ValueError("detail: of a pattern or a fix, and of nothing else")
    if isinstance(memory.detail, Fix) != (memory.kind is Kind.FIX):
        raise ValueError("detail: its type is not the memory's kind")
    bytes.fromhex(memory.chain)


def _identity(memory: Memory) -> str:
    match memory.detail:
        case Pattern(trigger, steps):
            content = (trigger, *steps)
        case Fix(signature, _, remedy):
            content = (signature, remedy)
        case _:
            content = (memory.chain or memory.text, str(memory.part))
    whose = memory.tenant, memory.project
    return memory_id(*whose, memory.kind, *content, caller=memory.caller)
