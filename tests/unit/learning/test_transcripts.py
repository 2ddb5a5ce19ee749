"""Claude Code's transcripts are read as the conversations they were."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from palimpsest.context.tool_exchanges import find_tool_exchanges
from palimpsest.dialects.anthropic.blocks import parse_message
from palimpsest.learning.transcripts import Transcript, parse_transcript
from tests.support.transcripts import (
    CWD,
    Session,
    call,
    result,
    said,
)


def told(found: Transcript) -> list[tuple[str, list[Any]]]:
    """Roles, with texts and the ids of calls and results."""
    messages = [msgspec.json.decode(spoken.raw) for spoken in found.messages]
    return [
        (m["role"], [b.get("text") or b.get("id") or b.get("tool_use_id") for b in m["content"]])
        for m in messages
    ]


def test_a_session_in_one_line() -> None:
    session = Session()
    session.user("first")
    session.add("attachment", attachment={"type": "environment"})
    session.assistant("msg_1", {"type": "thinking", "thinking": "", "text": "hm"})
    session.assistant("msg_1", said("second"))
    session.assistant("msg_1", call(1))
    session.user([result(1, "third")])
    session.add("system", subtype="local_command")
    session.assistant("msg_2", said("fourth"))
    found = parse_transcript(session.lines())
    assert told(found) == [
        ("user", ["first"]),
        ("assistant", ["hm", "second", "toolu_1"]),
        ("user", ["toolu_1"]),
        ("assistant", ["fourth"]),
    ]
    assert found.project == CWD
    assert found.session == "11111111-2222-3333-4444-555555555555"
    assert found.messages[0].said_at == datetime(2026, 11, 1, 10, 0, 1, tzinfo=UTC)


def test_parallel_calls_keep_all_their_results() -> None:
    session = Session()
    session.user("go")
    one = session.assistant("msg_1", call(1))
    two = session.assistant("msg_1", call(2))
    three = session.assistant("msg_1", call(3))
    session.user([result(2, "b")], parent=two)
    last = session.user([result(1, "a")], parent=one)
    session.user([result(3, "c")], parent=three)
    session.assistant("msg_2", said("done"), parent=last)
    found = parse_transcript(session.lines())
    assert told(found)[1:3] == [
        ("assistant", ["toolu_1", "toolu_2", "toolu_3"]),
        ("user", ["toolu_2", "toolu_1", "toolu_3"]),
    ]
    messages = [parse_message(spoken.raw) for spoken in found.messages]
    calls = [call for exchange in find_tool_exchanges(messages) for call in exchange.calls]
    assert len(calls) == 3


def test_what_was_taken_back_is_left_out() -> None:
    session = Session()
    start = session.user("start")
    fork = session.assistant("msg_1", said("what now?"))
    session.user("the wrong way", parent=fork)
    session.assistant("msg_2", said("going wrong"))
    session.user("the right way", parent=fork)
    session.assistant("msg_3", said("going right"))
    assert start
    assert [texts for _, texts in told(parse_transcript(session.lines()))] == [
        ["start"],
        ["what now?"],
        ["the right way"],
        ["going right"],
    ]


def test_a_compaction_does_not_end_the_past() -> None:
    session = Session()
    session.user("before")
    end = session.assistant("msg_1", said("answer"))
    session.add("system", "", subtype="compact_boundary", logicalParentUuid=end)
    session.user("This session is being continued from …", isCompactSummary=True)
    session.user("after")
    assert told(parse_transcript(session.lines()))[:2] == [
        ("user", ["before"]),
        ("assistant", ["answer"]),
    ]


def test_words_that_waited_are_a_persons_words() -> None:
    session = Session()
    session.user("go")
    session.assistant("msg_1", call(1))
    session.user([result(1, "a")])
    session.add("attachment", attachment={"type": "queued_command", "prompt": "and be quick"})
    session.assistant("msg_2", said("yes"))
    assert told(parse_transcript(session.lines()))[2] == ("user", ["toolu_1", "and be quick"])


def test_sub_agents_and_notes_are_left_out() -> None:
    session = Session()
    session.user("go")
    session.user("a note of the client", isMeta=True)
    session.assistant("msg_1", said("yes"))
    session.user("do a part", isSidechain=True)
    session.assistant("msg_2", said("did a part"), isSidechain=True)
    assert [texts for _, texts in told(parse_transcript(session.lines()))] == [["go"], ["yes"]]


def test_broken_lines_are_counted_and_the_rest_is_read() -> None:
    session = Session()
    session.user("go")
    session.assistant("msg_1", said("yes"))
    broken = [b'{"type": "user", "uu', b"[]\n", b"\xff\n", b"\n", b"[" * 50_000]
    odd = [
        b'{"type":"user","uuid":"a","message":"x","timestamp":7}\n',
        b'{"type":"user","uuid":"b","message":{"content":[]},"cwd":5,"parentUuid":"b"}\n',
    ]
    found = parse_transcript([*broken, *odd, *session.lines()])
    assert found.malformed == 4
    assert [texts for _, texts in told(found)] == [["go"], ["yes"]]
    assert parse_transcript([]) == Transcript("", "", ())


def test_a_circle_is_gone_through_once() -> None:
    session = Session()
    session.user("a", parent="11111111-2")
    session.assistant("msg_1", said("b"), parent="11111111-1")
    assert len(parse_transcript(session.lines()).messages) == 2
