"""What the simulated model says: scripted steps, or a callback, or a short text."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from harness.simulator import content
from harness.simulator.shape import Obj, arr, obj
from harness.simulator.view import View

Step = list[Obj]
Generator = Callable[[View], Step | Awaitable[Step]]

_PHRASE = "The quick brown fox jumps over the lazy dog. "


class Script:
    """The steps of each human turn; past the last one, and for side calls, a short text.

    A step is a list of content blocks (see `content`). ``generator``, where set, decides instead
    for every request that is not a side call.
    """

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        self.steps: list[Step] = [list(step) for step in steps]
        self.generator: Generator | None = None

    def set(self, steps: Sequence[Step]) -> None:
        """Replace the steps and drop the generator."""
        self.steps = [list(step) for step in steps]
        self.generator = None

    async def content(self, view: View, *, text_chars: int) -> Step:
        """The content blocks of the answer."""
        if view.side_call:
            return [content.text(_side_answer(view))]
        if self.generator is not None:
            made = self.generator(view)
            return await made if inspect.isawaitable(made) else made
        if view.step < len(self.steps):
            return [dict(block) for block in self.steps[view.step]]
        return [content.text(phrase(text_chars))]


def phrase(chars: int) -> str:
    """Text of that many characters, at least one."""
    chars = max(chars, 1)
    return (_PHRASE * (chars // len(_PHRASE) + 1))[:chars].rstrip() or "."


def _side_answer(view: View) -> str:
    wanted = obj(obj(view.body.get("output_config")).get("format"))
    if wanted.get("type") == "json_schema":
        return msgspec.json.encode(instance(obj(wanted.get("schema")))).decode()
    return "A short title"


def instance(schema: Obj) -> Any:
    """The plainest value that a JSON schema allows."""
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    for union in ("anyOf", "oneOf"):
        if arr(schema.get(union)):
            return instance(obj(schema[union][0]))
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        properties = obj(schema.get("properties"))
        return {name: instance(obj(properties[name])) for name in properties}
    plain: Obj = {
        "array": [],
        "boolean": False,
        "integer": 0,
        "number": 0,
        "null": None,
        "string": "simulated",
    }
    return plain.get(str(kind), "simulated")
