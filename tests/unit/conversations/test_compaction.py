"""What the client's own compaction leaves is known by its first message."""

import pytest

from palimpsest.conversations.compaction import is_compacted
from tests.support.messages import (
    SUMMARY,
    Message,
    assistant,
    result,
    text,
    user,
    view,
)

REMINDER = "<system-reminder>\nAs you answer, be brief.\n</system-reminder>"


@pytest.mark.parametrize(
    "first",
    [user(SUMMARY), {"role": "user", "content": SUMMARY}, user(REMINDER, "\n" + SUMMARY)],
    ids=["block", "string", "after a reminder"],
)
def test_a_history_that_begins_with_the_clients_summary(first: Message) -> None:
    assert is_compacted(view([first]))
    assert is_compacted(view([first, assistant("Yes."), user("Go on.")]))


@pytest.mark.parametrize(
    "messages",
    [
        [user("Mend the parser.")],
        [user("What does it mean? " + SUMMARY)],
        [user("Mend it."), assistant("Yes."), user(SUMMARY)],
        [assistant(SUMMARY)],
        [user(result(1, SUMMARY))],
        [{"role": "user", "content": 7}],
        [{"role": "user", "content": [text(SUMMARY) | {"text": None}]}],
    ],
    ids=["fresh", "quoted", "later", "assistant", "result", "number", "no text"],
)
def test_any_other_history(messages: list[Message]) -> None:
    assert not is_compacted(view(messages))
