"""What the model says to a Claude Code that works on files and with sub-agents."""

from pathlib import Path
from typing import Any

from harness.simulator import View
from harness.simulator.content import text, thinking, tool


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


def with_two_agents(view: View) -> list[dict[str, Any]]:
    """A model that sends two sub-agents with the same prompt at once."""
    if "SUBTASK" in view.last_text:
        done = view.step > 0
        return [
            text("Sub done.") if done else tool("Bash", command="echo x >> sub", description="")
        ]
    if view.step > 0:
        return [text("All done.")]
    agent = {"description": "a task", "subagent_type": "general-purpose"}
    calls = 2 * [tool("Agent", prompt="SUBTASK", run_in_background=False, **agent)]
    return [thinking("Two at once."), *calls]
