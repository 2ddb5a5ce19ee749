"""Finds the project of a request: the client's primary working directory, as it names it.

Two people begin many conversations with the same words in different projects. Lineage is rooted in
the project, so that memories that were injected for one of them are never sent for another.
"""

import re
from collections.abc import Iterator

import msgspec

from palimpsest.conversations.lineage import (
    chain,
    root,
)
from palimpsest.dialects.model import RequestView, Role
from palimpsest.runtime.hash_chain import Hash

# As Claude Code and others word it; Codex has a tag. The value ends with the line.
_DIRECTORY = re.compile(
    rb"(?:[Ww]orking directory: |<cwd>)((?:[^\"\\\n<]|\\[^n])+?)(?: \(was |\\n|\n|\"|</cwd>)"
)
_HINTS = (b"orking directory: ", b"<cwd>")
_LOOKED_THROUGH = 64 * 1024


def project_of(view: RequestView) -> str:
    """The directory's path; empty when the client names none. It stands in ``system``, or before
    the model first spoke: in what is there on every turn."""
    for raw in (view.system or b"", *_opening(view)):
        if any(hint in raw for hint in _HINTS) and (named := _DIRECTORY.search(raw)):
            return _text(named[1]).strip()
    return ""


def lineage(tenant: str, view: RequestView, project: str = "") -> tuple[Hash, ...]:
    """The chain of the request's messages, rooted in its tenant and project; ``project`` is what
    is known of that, for a request that names none or has been looked through."""
    return chain(root(tenant, project or project_of(view)), view.messages, view.dialect)


def _opening(view: RequestView) -> Iterator[bytes]:
    for message in view.messages:
        if view.dialect.role(message) is Role.ASSISTANT:
            return
        yield message[:_LOOKED_THROUGH]


def _text(raw: bytes) -> str:
    try:
        return msgspec.json.decode(b'"' + raw + b'"', type=str)
    except msgspec.MsgspecError:
        return ""
