"""A transcript is the conversation it shows."""

import pytest

from tests.support.messages import assistant, result, thought, use, user
from tests.support.scenario import scenario


def test_lines_of_one_role_are_one_message() -> None:
    assert scenario(
        """
        user: Mend it.
        thinking: Where?
        assistant: I look.
        call 1 Bash: command="cat a.py" timeout=9
        call 2: file_path=/b.py
        result 2 failed: no such file
        result 1: $source
        user: Go on: it costs $$5.
        """,
        source="a\n\nb",
    ) == [
        user("Mend it."),
        assistant(
            thought("Where?"),
            "I look.",
            use(1, "Bash", command="cat a.py", timeout="9"),
            use(2, file_path="/b.py"),
        ),
        user(
            result(2, "no such file", is_error=True),
            result(1, "a\n\nb"),
            "Go on: it costs $5.",
        ),
    ]


def test_a_blank_line_begins_another_message() -> None:
    assert scenario("user: one\n\nuser: two\nsystem: three") == [
        user("one"),
        user("two"),
        {"role": "system", "content": user("three")["content"]},
    ]


def test_what_nobody_says_is_refused() -> None:
    with pytest.raises(ValueError, match=r"nobody says 'Mend it\.'"):
        scenario("Mend it.")
