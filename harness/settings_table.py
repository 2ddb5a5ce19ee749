"""The settings as the README lists them: `python -m harness.settings_table` writes them there."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from palimpsest.runtime.settings import Settings, variable_of

README = Path(__file__).parents[1] / "README.md"
BEGIN, END = "<!-- settings -->\n", "<!-- /settings -->\n"


def table() -> str:
    """One row for each field, in the order of the class."""
    rows = ["| Variable | Default | Meaning |", "|---|---|---|"]
    for name, info in Settings.model_fields.items():
        default = _shown(info.default)
        rows.append(f"| `{variable_of(name)}` | {default} | {info.description} |")
    return "\n".join(rows) + "\n"


def with_table(text: str) -> str:
    """A README's text with the table between its marks; raises ValueError without them."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README lacks {BEGIN.strip()} or {END.strip()}")
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
    README.write_text(with_table(README.read_text()))
