"""Exchanges that are never touched: what the user said in them, skills, tools found, open tasks."""

import re
from collections.abc import Iterable, Iterator, Sequence

from context.exchanges import Call, Exchange

# Their results are instructions, or the user's own words.
_TOOLS = frozenset(("Skill", "SlashCommand", "AskUserQuestion", "ExitPlanMode"))
_LISTS = frozenset(("TodoWrite",))
_USER_SPOKE = re.compile(r"the user said:|The user doesn't want to proceed", re.IGNORECASE)
_TASK_NUMBER = re.compile(r"#(\d+)")
_CLOSED = frozenset(("completed", "deleted", "cancelled"))
_SPOKEN_HEAD = 2_000


def protected(found: Sequence[Exchange], newest: int) -> set[int]:
    """Positions of the exchanges that stay whole: the ``newest`` ones, and those that must."""
    calls = [call for exchange in found for call in exchange.calls]
    ids = {call.id for call in _standing(calls)} | _open_tasks(calls)
    kept = {
        exchange.position for exchange in found if any(call.id in ids for call in exchange.calls)
    }
    return kept | {exchange.position for exchange in found[len(found) - newest :]}


def _standing(calls: Sequence[Call]) -> Iterator[Call]:
    lists = [call for call in calls if call.name in _LISTS]
    yield from lists[-1:]
    for call in calls:
        refused = call.is_error and _USER_SPOKE.search(call.output[:_SPOKEN_HEAD])
        if call.name in _TOOLS or call.has_reference or refused:
            yield call


def _open_tasks(calls: Iterable[Call]) -> set[str]:
    """The calls that made the tasks that are not done, and the last that changed each."""
    made: dict[str, tuple[str, ...]] = {}
    for call in calls:
        if call.name == "TaskCreate":
            number = _TASK_NUMBER.search(call.output)
            if number:
                made[number.group(1)] = (call.id,)
        elif call.name == "TaskUpdate":
            task = str(call.input.get("taskId", ""))
            if call.input.get("status") in _CLOSED:
                made.pop(task, None)
            elif task in made:
                made[task] = (made[task][0], call.id)
    return {call for calls_of_task in made.values() for call in calls_of_task}
