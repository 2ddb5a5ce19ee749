"""Whose words a text of the user's role is."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from palimpsest.context.speech import Speech, is_human_request, speech
from palimpsest.dialects.anthropic.dialect import parse

REMINDER = "<system-reminder>\n{}\n</system-reminder>"
READ = 'Called the Read tool with the following input: {"file_path":"/a.py"}'


@pytest.mark.parametrize(
    "text",
    [
        "Fix the login.",
        "<div>why is this not centred?</div>",
        "<bash-input>git status</bash-input>",
        "<system-reminder>never closed",
        REMINDER.format("Be brief.") + "\nand now fix the login",
        "please read <bash-stdout>ok</bash-stdout>",
        "<command-name>/review</command-name>\n<command-args>only the store</command-args>",
        "<task-notification>done</task-notification>\nGo on with the second part.",
        "",
    ],
)
def test_what_a_person_says_is_human_and_so_is_what_is_in_doubt(text: str) -> None:
    assert speech(text) is Speech.HUMAN


@pytest.mark.parametrize(
    "text",
    [
        REMINDER.format("As you answer the user's questions, use this:\n# claudeMd\nUse tabs."),
        REMINDER.format("The task tools haven't been used recently."),
        "<command-message>x</command-message>\n<command-name>/x</command-name>",
        "<command-name>/clear</command-name>\n  <command-args></command-args>",
        "<local-command-caveat>Caveat: …</local-command-caveat>",
        "Base directory for this skill: /skills/review\n\n# Review",
        "This session is being continued from a previous conversation that ran out of context.",
        "[Request interrupted by user for tool use]",
        REMINDER.format(READ) + REMINDER.format("Use tabs."),
    ],
)
def test_standing_instructions_of_the_client(text: str) -> None:
    assert speech(text) is Speech.INSTRUCTION


@pytest.mark.parametrize(
    "text",
    [
        "<local-command-stdout>Goodbye!</local-command-stdout>",
        "<bash-stdout>a\nb</bash-stdout><bash-stderr></bash-stderr>",
        REMINDER.format(READ),
        REMINDER.format("Result of calling the Read tool:\n1\timport os"),
        '<system-reminder id="7">Result of calling the LS tool:\na.py</system-reminder>',
        REMINDER.format("Note: /a.py was modified, either by the user or by a linter.\n1\tx"),
        "<task-notification>done</task-notification>\nFull transcript available at: /tmp/a.output",
        "<ide_selection>The user selected the lines 2 to 9</ide_selection>",
    ],
)
def test_output_that_the_client_quotes(text: str) -> None:
    assert speech(text) is Speech.OUTPUT


@given(st.text())
def test_text_without_a_wrapper_is_human(text: str) -> None:
    wrapped = text.lstrip().startswith("<")
    assert wrapped or speech(text) is Speech.HUMAN


def request(**fields: object) -> bytes:
    message = {"role": "user", "content": "hello"}
    return msgspec.json.encode({"model": "claude-opus-5-5", "messages": [message], **fields})


TOOLS = [{"name": "Read", "input_schema": {"type": "object"}}]


@pytest.mark.parametrize(
    ("fields", "agent", "human"),
    [
        ({"tools": TOOLS}, False, True),
        ({"tools": TOOLS, "output_config": {"effort": "high"}}, False, True),
        ({"tools": TOOLS, "output_config": None}, False, True),
        ({"tools": TOOLS, "output_config": msgspec.Raw(b'{"format":1e999}')}, False, True),
        ({"tools": TOOLS}, True, False),
        ({"tools": []}, False, False),
        ({}, False, False),
        ({"tools": TOOLS, "output_config": {"format": {"type": "json_schema"}}}, False, False),
    ],
    ids=["main", "effort", "null", "unreadable", "sub-agent", "no tools", "bare", "title"],
)
def test_side_calls_and_sub_agents_are_no_human_requests(
    fields: dict[str, object], agent: bool, human: bool
) -> None:
    assert is_human_request(parse(request(**fields)), agent=agent) is human
