"""Memories go out as lines of JSON and come back as they were."""

from datetime import UTC, datetime

import msgspec
import pytest

from palimpsest.memory.jsonl import decode_lines, encode_line, redact_detail
from palimpsest.memory.model import Fix, Memory, Pattern
from palimpsest.runtime.errors import BadRequest
from tests.support.stored_memories import (
    SAID_AT,
    TENANT,
    fix,
    pattern,
    turn,
)


def test_there_and_back() -> None:
    given = [turn("a\nb", 1), pattern("p", files=("x.py",)), fix("f", confidence=0.5)]
    assert decode_lines(b"\n".join(encode_line(memory) for memory in given), TENANT) == given
    assert decode_lines(b"", TENANT) == []


def test_another_tenants_memory_is_taken_in_as_ones_own() -> None:
    [memory] = decode_lines(encode_line(turn("a", 1)), "me")
    assert memory.tenant == "me"


def test_a_line_of_a_person_needs_little() -> None:
    given = b'{"kind":"pattern","text":"x","said_at":"2026-11-01T00:00:00",\
"detail":{"type":"pattern","trigger":"t","steps":["make test"]},"project":"/home/me/project"}'
    [memory] = decode_lines(given, TENANT)
    assert (memory.said_at, memory.conversations) == (datetime(2026, 11, 1, tzinfo=UTC), 1)
    same = pattern("t")
    assert memory.id == same.id, "what learning would find is the same thing"
    assert decode_lines(given, TENANT) == [memory]


@pytest.mark.parametrize(
    "changes",
    [
        {"text": " "},
        {"kind": "fact"},
        {"confidence": 1.5},
        {"confidence": float("nan")},
        {"position": -2},
        {"uses": 2**31},
        {"chain": "xyz"},
        {"said_at": "soon"},
        {"detail": {"type": "fix", "signature": "s", "error": "e", "remedy": "r"}},
        {"said_at": "0001-01-01T00:00:00+23:00"},
    ],
)
def test_a_wrong_line_is_named(changes: dict[str, object]) -> None:
    wrong = {**msgspec.to_builtins(turn("a", 1)), **changes}
    with pytest.raises(BadRequest, match="line 3"):
        decode_lines(encode_line(turn("a", 1)) + b"\n" + msgspec.json.encode(wrong), TENANT)


@pytest.mark.parametrize("given", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_no_json_is_named(given: bytes) -> None:
    with pytest.raises(BadRequest, match="line 1"):
        decode_lines(given, TENANT)


def test_an_id_of_a_persons_own_making_is_replaced() -> None:
    mine = msgspec.structs.replace(turn("a", 1), id="mine")
    [memory] = decode_lines(encode_line(mine), TENANT)
    assert memory == turn("a", 1)
    assert isinstance(memory, Memory)
    assert memory.said_at > SAID_AT


def test_secrets_are_taken_out_of_every_part() -> None:
    said = 'password = "hunter2x"'
    for detail in (Fix(said, said, said, said), Pattern(said, (said, said), said)):
        assert "hunter2x" not in str(redact_detail(detail))
