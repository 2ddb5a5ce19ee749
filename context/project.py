"""The project that a request belongs to: the client's primary working directory, as it tells it."""

import re

import msgspec

from context.view import RequestView

# As Claude Code and others word it; Codex has a tag. The value ends with the line.
_TOLD = re.compile(
    rb"(?:[Ww]orking directory: |<cwd>)((?:[^\"\\\n<]|\\[^n])+?)(?: \(was |\\n|\n|\"|</cwd>)"
)
_FIRST_MESSAGES = 3
_LOOKED_THROUGH = 64 * 1024


def project_of(view: RequestView) -> str:
    """The directory's path; empty when the client tells none. It is told in ``system``, or in one
    of the first messages."""
    first = (message[:_LOOKED_THROUGH] for message in view.messages[:_FIRST_MESSAGES])
    for raw in (view.system or b"", *first):
        told = _TOLD.search(raw)
        if told:
            return _text(told[1]).strip()
    return ""


def _text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + raw + b'"', type=str)
    except msgspec.MsgspecError:
        return ""
