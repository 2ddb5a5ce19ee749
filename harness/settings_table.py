"""Writes the table of settings into docs/configuration.md: `python -m harness.settings_table`."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from palimpsest.runtime.settings import Settings, variable_of

CONFIGURATION = Path(__file__).parents[1] / "docs/configuration.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->\n"


def table() -> str:
    """One row for each field, in the order of the class."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, info in Settings.model_fields.items():
        default = _shown(info.default)
        rows.append(f"| `{variable_of(name)}` | {default} | {info.description} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """``text`` with the table between its marks; raises ValueError without them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{BEGIN.strip()} or {END.strip()} is missing")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _shown(default: object) -> str:
    match default:
        case None | "":
            return "none"
        case bool():
            return f"`{str(default).lower()}`"
        case _ if default is PydanticUndefined:
            return "XDG"
        case _:
            return f"`{default}`"


if __name__ == "__main__":
    CONFIGURATION.write_text(with_table(CONFIGURATION.read_text()))
