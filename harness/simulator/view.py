"""A request as the simulator looks at it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from harness.simulator.problem import invalid
from harness.simulator.shape import (
    Obj,
    arr,
    blocks,
    obj,
)

STEP_MARK = "toolu_sim"


@dataclass(frozen=True)
class View:
    """One Messages request: its decoded body, beta headers and credential.

    Scripts and generators get it to choose their answer.
    """

    body: Obj
    headers: dict[str, str]
    number: int = 0
    betas: frozenset[str] = field(default_factory=frozenset[str])
    key: str = ""

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[Obj]:
        return [obj(message) for message in arr(self.body.get("messages"))]

    @property
    def tools(self) -> list[str]:
        """The names of the tools on offer."""
        return [str(obj(tool).get("name", "")) for tool in arr(self.body.get("tools"))]

    @property
    def streaming(self) -> bool:
        return self.body.get("stream") is True

    @property
    def thinking(self) -> Obj:
        return obj(self.body.get("thinking"))

    @property
    def side_call(self) -> bool:
        """A title, a classifier, a summary: a request without tools, or with a fixed format."""
        return not self.tools or "format" in obj(self.body.get("output_config"))

    @property
    def step(self) -> int:
        """How many assistant steps the current human turn has had.

        Read from the ids the simulator gives its tool calls, so that it stays right when a proxy
        has dropped earlier exchanges; counted where the ids are not its own.
        """
        counted = 0
        for message in reversed(self.messages):
            if message.get("role") == "assistant":
                marked = step_of(message)
                if marked is not None:
                    return counted + marked + 1
                counted += 1
            elif message.get("role") == "user" and not _answers_tools(message):
                break
        return counted

    @property
    def turn(self) -> int:
        """How many human turns the conversation shows, the current one included."""
        return sum(1 for m in self.messages if m.get("role") == "user" and not _answers_tools(m))

    @property
    def last_text(self) -> str:
        """The text of the newest human message."""
        for message in reversed(self.messages):
            if message.get("role") == "user" and not _answers_tools(message):
                found = [str(b.get("text", "")) for b in blocks(message.get("content"))]
                return "\n".join(found)
        return ""


def step_of(message: Obj) -> int | None:
    """The step that a simulated tool call of this message carries in its id."""
    for block in blocks(message.get("content")):
        head, _, rest = str(block.get("id", "")).partition("_")
        if block.get("type") == "tool_use" and f"{head}_{rest[:3]}" == STEP_MARK:
            digits = rest[3:].partition("_")[0]
            if digits.isdigit():
                return int(digits)
    return None


def _answers_tools(message: Obj) -> bool:
    return any(b.get("type") == "tool_result" for b in blocks(message.get("content")))


def decode(body: bytes) -> Obj:
    """The body as a JSON object, or the API's 400."""
    try:
        found: Any = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise invalid(f"The request body is not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise invalid("Input should be a valid dictionary or object")
    return obj(found)


def view(body: Obj, headers: dict[str, str], number: int = 0) -> View:
    """The view of a decoded request; header names in lower case."""
    betas = frozenset(
        part.strip() for part in headers.get("anthropic-beta", "").split(",") if part.strip()
    )
    key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
    return View(body, headers, number, betas, key)
