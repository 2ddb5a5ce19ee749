"""Archives the messages of a conversation as memories of one part each.

Archived are a person's words, the assistant's, and each tool call with its result; not the client's
instructions, and no thinking. A call belongs to the message with its result. The parts of one
message are numbered; each part begins with a *headline* that says what it is a part of.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import NamedTuple

from palimpsest.context.quoting import argument, one_line
from palimpsest.context.speech import Speech, speech
from palimpsest.context.tool_exchanges import Call, find_tool_exchanges
from palimpsest.dialects.model import Block, BlockKind, Dialect, Message, Role
from palimpsest.memory.languages import language_of
from palimpsest.memory.model import Kind, Memory, memory_id
from palimpsest.memory.splitting import split_text
from palimpsest.runtime.foreign_values import write_json

_HEADLINE = 160
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>\s*", re.DOTALL)
# How clients number the lines of a file: the number stays, the space before it is dropped.
_NUMBERED = re.compile(r"^ +(?=\d+(?:→|\t))", re.MULTILINE)
_PATHS = ("file_path", "notebook_path")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose memories they are. ``project``: the client's working directory; ``conversation``: its
    id; ``agent``: of a sub-agent, whose prompts no person wrote."""

    tenant: str
    project: str
    conversation: str
    agent: bool = False
    caller: str = ""


class ConversationMessage(NamedTuple):
    """One message of a conversation.

    ``raw``: as the client sent it, without secrets.
    ``chain``: the lineage hash through it.
    ``said_at``: when it was said.
    """

    raw: bytes
    chain: bytes
    said_at: datetime


class _Text(NamedTuple):
    role: str
    headline: str
    body: str
    files: tuple[str, ...] = ()


def archive_messages(
    origin: Origin,
    messages: Sequence[ConversationMessage],
    dialect: Dialect,
    *,
    first: int = 0,
    since: int = 0,
) -> Iterator[Memory]:
    """Makes the memories of the messages from position ``since`` on; ``messages`` begin at position
    ``first``. The memory of a result names its call if the message with the call is among them."""
    parsed = [dialect.message(message.raw) for message in messages]
    calls = {
        (call.result_position, call.result_block): call
        for exchange in find_tool_exchanges(parsed)
        for call in exchange.calls
    }
    for at in range(max(0, since - first), len(messages)):
        message = messages[at]
        texts = _texts(parsed[at], at, calls, origin.project, agent=origin.agent)
        pieces = ((text, piece) for text in texts for piece in _split_parts(text))
        for part, (text, piece) in enumerate(pieces):
            chain = message.chain.hex()
            yield Memory(
                id=memory_id(
                    origin.tenant,
                    origin.project,
                    Kind.TURN,
                    chain,
                    str(part),
                    caller=origin.caller,
                ),
                tenant=origin.tenant,
                caller=origin.caller,
                project=origin.project,
                kind=Kind.TURN,
                text=piece,
                role=text.role,
                conversation=origin.conversation,
                position=first + at,
                part=part,
                chain=chain,
                language=language_of(text.files),
                files=text.files,
                said_at=message.said_at,
            )


def _texts(
    message: Message, at: int, calls: dict[tuple[int, int], Call], project: str, *, agent: bool
) -> Iterator[_Text]:
    if message.role not in (Role.USER, Role.ASSISTANT):
        return
    for number, block in message.numbered():
        text = _REMINDER.sub("", block.text())
        if message.role is Role.ASSISTANT and text.strip():
            yield _Text("assistant", "", text)
        elif block.kind is BlockKind.TOOL_RESULT:
            yield _tool_text(calls.get((at, number)), block, project)
        elif block.kind is BlockKind.PROVIDER_RESULT:
            yield _Text("tool", block.tool_name, block.result_text())
        elif text.strip():
            kind = speech(block.text())
            if kind is Speech.OUTPUT:
                yield _Text("tool", "Output of the user's own command", text)
            elif kind is Speech.HUMAN:
                yield _Text("assistant" if agent else "user", "", text)


def _tool_text(call: Call | None, result: Block, project: str) -> _Text:
    output = _NUMBERED.sub("", _REMINDER.sub("", result.result_text()))
    if call is None:
        return _Text("tool", "A tool returned", output)
    about = argument(call)
    named = f"{call.name} {about.removeprefix(f'{project}/')}".rstrip()[:_HEADLINE]
    headline = named + (" (failed)" if call.is_error else "")
    inputs = (
        f"{name}: {value if isinstance(value, str) else write_json(value)}"
        for name, value in call.input.items()
        if value != about or len(named) >= _HEADLINE
    )
    media = [f"[{call.media} images or the like]"] if call.media else []
    paths = (call.input.get(name) for name in _PATHS)
    files = tuple(str(PurePath(path)) for path in paths if isinstance(path, str) and path.strip())
    return _Text("tool", headline, "\n".join((*inputs, output, *media)), files)


def _split_parts(text: _Text) -> Iterator[str]:
    """Splits a text into parts with headlines. Without a headline of its own, the later parts get
    the beginning of the text."""
    found = split_text(text.body)
    if not found and text.headline:
        yield text.headline
    for number, part in enumerate(found):
        if text.headline:
            yield f"{text.headline}\n{part}"
        elif number:
            yield f"… {one_line(found[0])[: _HEADLINE // 2]} …\n{part}"
        else:
            yield part
