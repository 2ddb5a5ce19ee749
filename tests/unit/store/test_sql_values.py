"""The SQL text names states, outcomes and kinds by their enums' values, and records by columns."""

import dataclasses
import re
from enum import StrEnum
from pathlib import Path

import pytest

from palimpsest.exchanges.model import Outcome, RequestRecord, RequestState
from palimpsest.forwarding.model import AttemptKind, AttemptRecord
from palimpsest.store.postgres import tables

SQL = sorted((Path(__file__).parents[3] / "palimpsest" / "store" / "postgres").glob("*.py"))
BODY = {"skeleton", "parts", "node"}


def compared(column: str) -> set[str]:
    """The literals that a column is compared with or set to, anywhere in the store."""
    pattern = re.compile(rf"\b{column} (?:=|<>) '(\w+)'")
    return {value for path in SQL for value in pattern.findall(path.read_text())}


@pytest.mark.parametrize(
    ("column", "values"), [("state", RequestState), ("outcome", Outcome)], ids=["state", "outcome"]
)
def test_literals_are_values_of_the_enum(column: str, values: type[StrEnum]) -> None:
    found = compared(column)
    assert found
    assert found <= {value.value for value in values}


def test_kinds_of_attempts_are_values_of_the_enum() -> None:
    paths = [path for path in SQL if "attempts" in path.read_text() and "memor" not in path.name]
    found = {kind for path in paths for kind in re.findall(r"\bkind = '(\w+)'", path.read_text())}
    assert found
    assert found <= {kind.value for kind in AttemptKind}


def test_records_have_the_tables_columns() -> None:
    fields = {field.name for field in dataclasses.fields(RequestRecord)}
    assert fields == set(tables.requests.columns.keys()) - BODY
    fields = {field.name for field in dataclasses.fields(AttemptRecord)}
    assert fields == set(tables.attempts.columns.keys()) - {"request_id"}
