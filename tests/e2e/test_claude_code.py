"""The real Claude Code through the whole stack, against the strict provider."""

from pathlib import Path
from typing import Any

from tests.e2e.claude_code import ClaudeCode
from tests.e2e.tap import Tap
from tests.e2e.two_sides import assert_two_sides_agree
from tests.stack.running import Up
from tests.upstream import Simulator
from tests.upstream.content import text, thinking, tool


def work_in(directory: Path) -> list[list[dict[str, Any]]]:
    """Six steps of a model that writes, reads, edits, runs and searches."""
    notes = str(directory / "notes.txt")
    return [
        [thinking("A file first."), tool("Write", file_path=notes, content="one\ntwo\n")],
        [thinking("Read it."), text("Reading."), tool("Read", file_path=notes)],
        [tool("Edit", file_path=notes, old_string="two", new_string="three")],
        [thinking(), tool("Bash", command="wc -l < notes.txt > count", description="Count lines")],
        [tool("Glob", pattern="*.txt"), tool("Grep", pattern="three", path=str(directory))],
        [thinking("Done."), text("All done.")],
    ]


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
