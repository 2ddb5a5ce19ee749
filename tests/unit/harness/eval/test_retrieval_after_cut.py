"""What comes back of a session that was cut, when a person asks for it."""

import asyncio
from pathlib import Path

import msgspec

from harness.eval.retrieval_after_cut import LIMIT, measure_and_write, measure_sessions
from harness.eval.sessions import Session
from tests.support.eval_sessions import (
    call,
    reply,
    result,
    session,
    user,
)

FACT = "billing staging database listens on host db-7.internal.example port 5433"


def asking(question: str) -> Session:
    """A fact in an early output, a long loop, the question, and a call that needs the fact."""
    messages = [user("Look around.")]
    for number in range(60):
        output = " ".join(f"row{number}x{word}" for word in range(800))
        output = f"{FACT}\n{output}" if number == 2 else output
        use = f"toolu_{number}"
        messages += [
            reply(call(use, "Bash", command=f"cat part{number}.log")),
            user(result(use, output)),
        ]
    echo = call("toolu_99", "Bash", command=f"echo {FACT}")
    return session(*messages, reply("Seen."), user(question), reply(echo))


def test_a_fact_that_is_asked_for_comes_back_and_is_used() -> None:
    [found] = asyncio.run(
        measure_sessions([asking("Which port does the billing staging database listen on?")])
    )
    assert (found.turns, found.told) == (1, 1)
    assert found.missing == found.back == 1
    assert 0 < found.used <= found.tokens
    assert found.billed > found.billed_without > LIMIT


def test_without_a_question_nothing_comes() -> None:
    [found] = asyncio.run(measure_sessions([asking("Thank you, go on.")]))
    assert (found.turns, found.told, found.back) == (1, 0, 0)
    assert found.missing == 1
    assert found.billed == found.billed_without


def test_a_file_that_is_no_session_is_left_out(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json.gz"
    bad.write_bytes(b"no")
    table = measure_and_write([bad], tmp_path / "brought.json")
    assert "back" in table
    assert msgspec.json.decode((tmp_path / "brought.json").read_bytes()) == []
