"""What an agent does in tests of learning, as a history of messages."""

from typing import Any

from palimpsest.dialects.anthropic.blocks import parse_message
from palimpsest.dialects.model import Message
from tests.support.messages import Message as Built
from tests.support.messages import (
    assistant,
    raw,
    result,
    use,
    user,
)

ROOT = "/home/me/project"

LINT = """Exit code 1
app/main.go:12:5: Error return value of `os.Remove` is not checked (errcheck)
\tos.Remove(path)
\t^
1 issues:
* errcheck: 1"""


class Doing:
    """Builds a history call by call."""

    def __init__(self, ask: str = "Mend the linter's errors, please.") -> None:
        self.built: list[Built] = [user(ask)]

    @property
    def messages(self) -> list[Message]:
        return [parse_message(message) for message in raw(self.built)]

    def call(self, name: str, output: str, *, fails: bool = False, **arguments: Any) -> "Doing":
        number = len(self.built)
        self.built.append(assistant(use(number, name, **arguments)))
        self.built.append(user(result(number, output, is_error=fails)))
        return self

    def run(self, command: str, output: str = "", *, fails: bool = False) -> "Doing":
        return self.call("Bash", output, fails=fails, command=command)

    def edit(self, file: str, old: str, new: str) -> "Doing":
        path = f"{ROOT}/{file}"
        return self.call("Edit", "ok", file_path=path, old_string=old, new_string=new)

    def say(self, text: str) -> "Doing":
        self.built.append(assistant("Done."))
        self.built.append(user(text))
        return self


def mended(path: str = "path") -> Doing:
    """An error of the linter, and what ended it."""
    failed = LINT.replace("os.Remove(path)", f"os.Remove({path})")
    return (
        Doing()
        .run("make lint", failed, fails=True)
        .edit("app/main.go", f"\tos.Remove({path})", f"\t_ = os.Remove({path}) //nolint:errcheck")
        .run("make lint", "0 issues.")
    )
