"""Sessions made for the tests of the eval, in memory and as files."""

import gzip
from pathlib import Path
from typing import Any

import msgspec

from harness.eval.sessions import Session, Turn

Message = dict[str, Any]

SIGNATURE = "A" * 800


def user(*blocks: Message | str) -> Message:
    return {"role": "user", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def reply(*blocks: Message | str) -> Message:
    return {"role": "assistant", "content": [text(b) if isinstance(b, str) else b for b in blocks]}


def text(words: str) -> Message:
    return {"type": "text", "text": words}


def thought(words: str) -> Message:
    return {"type": "thinking", "thinking": words, "signature": SIGNATURE}


def call(use: str, name: str = "Read", **given: Any) -> Message:
    return {"type": "tool_use", "id": use, "name": name, "input": given}


def result(use: str, content: Any) -> Message:
    return {"type": "tool_result", "tool_use_id": use, "content": content}


def session(*messages: Message, gap: float = 10.0, model: str = "claude-opus-4-5") -> Session:
    turns = tuple(Turn(message, at * gap) for at, message in enumerate(messages))
    return Session("made", model, turns)


def loop(calls: int, lines: int = 60) -> list[Message]:
    """A question and a loop of reads of files that nobody else reads."""
    messages = [user("Please read all of it.")]
    for number in range(calls):
        said = "\n".join(f"line {number}.{line} of something long" for line in range(lines))
        asked = call(f"toolu_{number}", file_path=f"/src/file{number}.py")
        messages += [reply(thought(f"now {number}"), asked), user(result(f"toolu_{number}", said))]
    return [*messages, reply("Done.")]


def write(folder: Path, name: str, *segments: list[Message]) -> Path:
    """A session's file in the layout of ../shared/data."""
    path = folder / "agent_sessions" / f"{name}.json.gz"
    path.parent.mkdir(exist_ok=True, parents=True)
    recorded = {"session": name, "segments": segments}
    path.write_bytes(gzip.compress(msgspec.json.encode(recorded)))
    return path
