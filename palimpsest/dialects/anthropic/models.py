"""The model table (models.json): what each model's window is and how it treats its thinking."""

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from palimpsest.dialects.model import ModelInfo

_TABLE = Path(__file__).with_name("models.json")
# Before the name: a provider's path or dotted prefix. After it: a window tag, date or version.
_BEFORE = re.compile(r"^.*(?:/|\.)(?=[a-z])")
# Possessive, and one way to read each piece: else a name of 80 characters takes a day.
_AFTER = re.compile(r"(?:@[\w.-]++|-v\d++(?::\d++(?![\w.-]))?|:[\w.-]++)++$")
_DATE = re.compile(r"-(?:20\d{6}|latest)$")
_LARGE = "[1m]"
_LONGEST = 256


class Row(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A row of the table; what it leaves out comes from the default."""

    pattern: str = ""
    window: int | None = None
    max_output: int | None = None
    validates_sum: bool | None = None
    preserved_thinking: bool | None = None
    ratio: float | None = None
    image_tokens: int | None = None


class Default(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The row of an unknown model."""

    window: int
    max_output: int
    validates_sum: bool
    preserved_thinking: bool
    ratio: float
    image_tokens: int


class Table(msgspec.Struct, forbid_unknown_fields=True):
    """``large_window`` is the window of a name with ``[1m]``; the first matching row counts."""

    default: Default
    large_window: int
    models: list[Row]


def _load() -> tuple[Table, list[tuple[re.Pattern[str], Row]]]:
    table = msgspec.json.decode(_TABLE.read_bytes(), type=Table)
    return table, [(re.compile(row.pattern), row) for row in table.models]


_table, _rows = _load()


def lookup(model: str, *, long_context: bool = False) -> ModelInfo:
    """The row of ``model``; an unknown one gets the default. Any provider's spelling is known.

    ``long_context``: the request asks for the 1M window by its beta header, as `[1m]` does by name.
    """
    return _lookup(model[:_LONGEST], long_context)


@lru_cache(maxsize=1024)
def _lookup(model: str, long_context: bool) -> ModelInfo:
    large = long_context or model.lower().endswith(_LARGE)
    name = plain_name(model)
    row = next((row for pattern, row in _rows if pattern.fullmatch(name)), Row())
    values = msgspec.structs.asdict(_table.default) | {
        field: value
        for field, value in msgspec.structs.asdict(row).items()
        if value is not None and field != "pattern"
    }
    if large:
        values["window"] = max(values["window"], _table.large_window)
    return ModelInfo(name=name, **values)


def plain_name(model: str) -> str:
    """The API's own name without date: `us.anthropic.claude-x-4-5-20250929-v1:0` is `claude-x-4-5`.

    Bedrock's regions, Vertex's `@date`, gateways' `provider/`, the client's `[1m]` are taken off.
    """
    name = model.strip().lower().removesuffix(_LARGE)
    name = _BEFORE.sub("", name)
    return _DATE.sub("", _AFTER.sub("", name)).replace(".", "-")
