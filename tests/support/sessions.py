"""Real sessions from ../shared/data as the requests a client would send, for tests."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

DATA = Path(__file__).parents[3] / "shared" / "data" / "agent_sessions"

Message = dict[str, Any]


@dataclass(frozen=True)
class Segment:
    """One stretch between compactions; ``prompts[i]`` is the size of the prompt answered by i."""

    session: str
    model: str
    messages: list[Message]
    prompts: list[int | None]


def load(step: int, longest: int) -> list[Segment]:
    """Every ``step``-th session's segments, each cut to its first ``longest`` messages."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}")
    paths = sorted(DATA.glob("*.json.gz"))[::step]
    return [segment for path in paths for segment in _segments(path, _models(), longest)]


def _models() -> dict[str, str]:
    index: list[dict[str, Any]] = msgspec.json.decode((DATA / "index.json").read_bytes())
    return {row["session"]: row["models"][0] for row in index}


def _segments(path: Path, models: dict[str, str], longest: int) -> Iterator[Segment]:
    session: dict[str, Any] = msgspec.json.decode(gzip.decompress(path.read_bytes()))
    name = session["session"]
    for segment in session["segments"]:
        cut: list[Message] = segment[:longest]
        prompts = [message["_usage"]["input"] if "_usage" in message else None for message in cut]
        messages = [{k: v for k, v in m.items() if not k.startswith("_")} for m in cut]
        yield Segment(name, models.get(name, "claude-opus-4-5"), messages, prompts)


def encode(value: Any) -> bytes:
    return msgspec.json.encode(value)


def as_sent(messages: list[Message]) -> list[bytes]:
    """The history as Claude Code sends it: a marker on the last block, earlier texts as strings."""
    *earlier, last = messages
    return [encode(_plain(message)) for message in earlier] + [encode(_marked(last))]


def without_thinking(messages: list[Message]) -> list[Message]:
    return [{**m, "content": _spoken(m["content"])} for m in messages]


def body_of(messages: list[bytes], **fields: Any) -> bytes:
    """A request body around raw messages."""
    head = encode({"model": "claude-opus-4-5", "max_tokens": 32000, "stream": True} | fields)
    return head[:-1] + b',"messages":[' + b",".join(messages) + b"]}"


def _plain(message: Message) -> Message:
    match message["content"]:
        case [{"type": "text", "text": str(text)}] if message["role"] == "user":
            return {**message, "content": text}
        case _:
            return message


def _marked(message: Message) -> Message:
    content = message["content"]
    blocks: list[Message]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    marked = [{**block, "cache_control": {"type": "ephemeral"}} for block in blocks[-1:]]
    return {**message, "content": blocks[:-1] + marked}


def _spoken(content: Any) -> Any:
    if isinstance(content, str):
        return content
    return [block for block in content if block["type"] not in ("thinking", "redacted_thinking")]
