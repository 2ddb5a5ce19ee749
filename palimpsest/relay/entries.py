"""Entries of an answer's stream between processes: as fields of Redis, and back.

Each entry carries the fence of the lease it was written under; what follows the head also its
offset in the answer's bytes, so that an entry may come twice, and a lost one is noticed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from palimpsest.exchanges.answer import AnswerHead
from palimpsest.runtime.errors import PalimpsestError, from_status


class EntryKind(StrEnum):
    """``BEGIN``: an attempt under this fence exists; ``RECORDED``: the end is in the database."""

    BEGIN = "begin"
    HEAD = "head"
    DATA = "data"
    END = "end"
    ERROR = "error"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ``offset`` is in bytes of the answer."""

    kind: EntryKind
    fence: int
    offset: int = 0
    payload: bytes = b""


class _Error(msgspec.Struct, frozen=True):
    status: int
    kind: str
    message: str
    retry_after: int | None


def head_entry(fence: int, head: AnswerHead) -> Entry:
    payload = msgspec.msgpack.encode((head.status, head.headers))
    return Entry(EntryKind.HEAD, fence, payload=payload)


def head_of(entry: Entry) -> AnswerHead:
    status, headers = msgspec.msgpack.decode(
        entry.payload, type=tuple[int, tuple[tuple[bytes, bytes], ...]]
    )
    return AnswerHead(status, headers)


def error_entry(fence: int, offset: int, error: PalimpsestError) -> Entry:
    told = _Error(error.status, error.kind, str(error), error.retry_after)
    return Entry(EntryKind.ERROR, fence, offset, msgspec.msgpack.encode(told))


def error_of(entry: Entry) -> PalimpsestError:
    told = msgspec.msgpack.decode(entry.payload, type=_Error)
    error = from_status(told.status, told.kind, told.message)
    error.retry_after = told.retry_after
    return error


def to_fields(entry: Entry) -> Mapping[bytes, bytes]:
    return {
        b"k": entry.kind.encode(),
        b"n": b"%d" % entry.fence,
        b"o": b"%d" % entry.offset,
        b"b": entry.payload,
    }


def from_fields(fields: Mapping[bytes, bytes]) -> Entry:
    kind = EntryKind(fields[b"k"].decode())
    return Entry(kind, int(fields[b"n"]), int(fields[b"o"]), fields[b"b"])


def key_of(request_id: str) -> str:
    """The name of a request's stream."""
    return f"palimpsest:answer:{request_id}"
