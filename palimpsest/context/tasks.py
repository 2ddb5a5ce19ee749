"""The tasks that a client's task tools have made and not closed."""

import re
from collections.abc import Iterable

from palimpsest.context.tool_exchanges import Call

_NUMBER = re.compile(r"#(\d+)")
_CLOSED = ("completed", "deleted", "cancelled")


def open_tasks(calls: Iterable[Call]) -> dict[str, list[Call]]:
    """By its number, the call that made each, and those that changed it since."""
    made: dict[str, list[Call]] = {}
    for call in calls:
        if call.name == "TaskCreate" and (number := _NUMBER.search(call.output)):
            made[number[1]] = [call]
        elif call.name == "TaskUpdate":
            task = str(call.input.get("taskId"))
            if str(call.input.get("status")) in _CLOSED:
                made.pop(task, None)
            elif task in made:
                made[task].append(call)
    return made
