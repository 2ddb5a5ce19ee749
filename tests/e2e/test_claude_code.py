"""The real Claude Code through the whole stack, against the strict provider."""

import httpx

from harness.simulator import Simulator
from harness.simulator.content import text, thinking, tool
from tests.support.claude_code import ClaudeCode
from tests.support.claude_work import with_two_agents, work_in
from tests.support.supervisor import Up, until
from tests.support.tap import Tap
from tests.support.two_sides import assert_two_sides_agree


async def test_tool_calls_change_files_and_everything_is_recorded(
    claude: ClaudeCode, tap: Tap, up: Up, upstream: Simulator
) -> None:
    upstream.script.set(work_in(claude.directory))

    first = await claude.ask("Make the notes", base_url=tap.url)

    assert (first.status, first.result["result"]) == (0, "All done."), first.stderr
    assert (claude.directory / "notes.txt").read_text() == "one\nthree\n"
    assert (claude.directory / "count").read_text().strip() == "2"
    rows = await assert_two_sides_agree(tap, upstream, up)
    assert [row["turn"] for row in rows] == [1, 2, 3, 4, 5, 6]

    session = str(first.result["session_id"])
    again = await claude.ask("And again", "--resume", session, base_url=tap.url)
    assert again.result["result"] == "All done."
    more = await claude.ask("Once more", "--continue", base_url=tap.url)
    assert more.result["result"] == "All done."

    rows = await assert_two_sides_agree(tap, upstream, up)
    assert [row["turn"] for row in rows] == list(range(1, 19))
    assert len({row["conversation"] for row in rows}) == 1


async def test_parallel_sub_agents_that_send_the_same_bytes(
    claude: ClaudeCode, tap: Tap, up: Up, upstream: Simulator
) -> None:
    upstream.script.generator = with_two_agents

    said = await claude.ask("Send two", base_url=tap.url)

    assert said.result["result"] == "All done."
    assert (claude.directory / "sub").read_text() == "x\nx\n"
    rows = await assert_two_sides_agree(tap, upstream, up)
    agents = [call.header("x-claude-code-agent-id") for call in upstream.log.messages]
    assert len({agent for agent in agents if agent}) == 2
    assert len(rows) == 6, "nobody's call was taken for the other's"
    main = [row for row, agent in zip(rows, agents, strict=True) if agent is None]
    assert [row["turn"] for row in main] == [1, 2]
    assert len({row["conversation"] for row in main}) == 1
    sub = {row["conversation"] for row, agent in zip(rows, agents, strict=True) if agent}
    assert main[0]["conversation"] not in sub


async def test_a_burst_of_count_tokens_is_not_managed(
    claude: ClaudeCode, tap: Tap, up: Up, upstream: Simulator
) -> None:
    said = await claude.ask("/context", base_url=tap.url)

    assert said.status == 0
    counts = upstream.log.to("/v1/messages/count_tokens")
    assert len(counts) > 10
    assert {call.status for call in upstream.log} == {200}
    asked = [(bytes(question.body), bytes(answer.body)) for question, answer in tap.exchanges]
    assert sorted(asked) == sorted((call.body, bytes(call.answer)) for call in upstream.log)
    for _, answer in tap.exchanges:
        request_id = answer.header("x-palimpsest-request-id")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{up.url}/v1/requests/{request_id}")).status_code == 404


async def test_at_a_terminal(claude: ClaudeCode, tap: Tap, up: Up, upstream: Simulator) -> None:
    """In its interactive mode it sends other fields, such as those of its safety check."""
    note = claude.directory / "note"
    upstream.script.set(
        [
            [thinking(), tool("Write", file_path=str(note), content="typed")],
            [text("The note is written.")],
        ]
    )
    async with claude.interactive(tap.url) as terminal:
        await terminal.until("for agents")
        terminal.type("Write a note")
        await terminal.until("Write a note")
        terminal.type("\r")
        await terminal.until("The note is written.")
        await until(lambda: all(answer.whole for _, answer in tap.exchanges))

    assert note.read_text() == "typed"
    rows = await assert_two_sides_agree(tap, upstream, up)
    assert [row["turn"] for row in rows] == [1, 2]
