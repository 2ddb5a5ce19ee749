"""Finds the tool exchanges that are never cut: a user's words, skills, tools found, open tasks."""

import re
from collections.abc import Iterator, Sequence

from palimpsest.context.tasks import open_tasks
from palimpsest.context.tool_exchanges import Call, ToolExchange

# Their results are instructions, or the user's own words.
_TOOLS = frozenset(("Skill", "SlashCommand", "AskUserQuestion", "ExitPlanMode"))
_LISTS = frozenset(("TodoWrite",))
_USER_SPOKE = re.compile(r"the user said:|The user doesn't want to proceed", re.IGNORECASE)
_SPOKEN_HEAD = 2_000


def protected(found: Sequence[ToolExchange], newest: int) -> set[int]:
    """Positions of the exchanges that stay whole: the ``newest`` ones, and those that must."""
    calls = [call for exchange in found for call in exchange.calls]
    tasks = (call.id for task in open_tasks(calls).values() for call in (task[0], task[-1]))
    ids = {*(call.id for call in _always_kept(calls)), *tasks}
    kept = {
        exchange.position for exchange in found if any(call.id in ids for call in exchange.calls)
    }
    return kept | {exchange.position for exchange in found[len(found) - newest :]}


def _always_kept(calls: Sequence[Call]) -> Iterator[Call]:
    lists = [call for call in calls if call.name in _LISTS]
    yield from lists[-1:]
    for call in calls:
        refused = call.is_error and _USER_SPOKE.search(call.output[:_SPOKEN_HEAD])
        if call.name in _TOOLS or call.has_reference or refused:
            yield call
