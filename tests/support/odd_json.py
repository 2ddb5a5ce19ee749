"""JSON as no sane client writes it: any whitespace, any escapes, any order of keys."""

from random import Random
from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(-1e9, 1e9) | TEXT
NAMES = st.sampled_from(["messages", "model", "system", "tools", 'a"b', "\\", "ü", ""]) | TEXT
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
RANDOMS = st.integers(0, 2**32).map(Random)


def write(value: Any, random: Random) -> str:
    """``value`` as JSON with random whitespace and escapes; a list of pairs is an object."""
    match value:
        case dict():
            return write_object(list(value.items()), random)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case list():
            items = [write(item, random) for item in value]  # pyright: ignore[reportUnknownVariableType]
            return _between("[", items, "]", random)
        case str():
            return _string(value, random)
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case _:
            return repr(value)


def write_object(pairs: list[tuple[str, Any]], random: Random) -> str:
    """An object of these pairs, in order, duplicates included."""
    fields = [
        _string(name, random) + _space(random) + ":" + _space(random) + write(value, random)
        for name, value in pairs
    ]
    return _between("{", fields, "}", random)


def _between(left: str, items: list[str], right: str, random: Random) -> str:
    text = left + _space(random)
    for index, item in enumerate(items):
        text += ("," + _space(random) if index else "") + item + _space(random)
    return text + right


def _space(random: Random) -> str:
    return "".join(random.choices(" \t\r\n", k=random.choice((0, 0, 0, 1, 3))))


def _string(value: str, random: Random) -> str:
    return '"' + "".join(_character(character, random) for character in value) + '"'


def _character(character: str, random: Random) -> str:
    if character in '"\\' and random.random() < 0.7:
        return "\\" + character
    if character in '"\\' or ord(character) < 0x20 or random.random() < 0.2:
        units = character.encode("utf-16-be")
        return "".join(f"\\u{units[i]:02x}{units[i + 1]:02X}" for i in range(0, len(units), 2))
    return character
