"""Transcripts as Claude Code writes them, record by record."""

import itertools
import os
from pathlib import Path
from typing import Any

import msgspec

from tests.support.agent_work import LINT

Record = dict[str, Any]
CWD = "/home/me/project"


class Session:
    """Each record hangs on the one before, unless it is told otherwise."""

    def __init__(self, session: str = "11111111-2222-3333-4444-555555555555") -> None:
        self.records: list[Record] = []
        self._session = session
        self._numbers = itertools.count(1)
        self._last: str | None = None

    def add(self, kind: str, parent: str | None = None, **fields: Any) -> str:
        """The record's uuid."""
        number = next(self._numbers)
        uuid = f"{self._session[:8]}-{number}"
        self.records.append(
            {
                "parentUuid": parent if parent is not None else self._last,
                "isSidechain": False,
                "type": kind,
                "uuid": uuid,
                "timestamp": f"2026-11-01T10:{number // 60:02}:{number % 60:02}.000Z",
                "cwd": CWD if number == 1 else f"{CWD}/deeper",
                "sessionId": self._session,
                **fields,
            }
        )
        self._last = uuid
        return uuid

    def user(self, content: Any, parent: str | None = None, **fields: Any) -> str:
        return self.add("user", parent, message={"role": "user", "content": content}, **fields)

    def assistant(
        self, answer: str, *blocks: Record, parent: str | None = None, **fields: Any
    ) -> str:
        message = {"role": "assistant", "id": answer, "content": list(blocks)}
        return self.add("assistant", parent, message=message, **fields)

    def lines(self) -> list[bytes]:
        others: list[Record] = [{"type": "summary", "summary": "x", "leafUuid": "y"}]
        others += [{"type": "queue-operation", "operation": "enqueue", "content": "not twice"}]
        return [msgspec.json.encode(record) + b"\n" for record in (*others, *self.records)]


def said(text: str) -> Record:
    return {"type": "text", "text": text}


def call(number: int, name: str = "Bash", **given: Any) -> Record:
    return {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": given}


def result(number: int, text: str, *, failed: bool = False) -> Record:
    block = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": text}
    return {**block, "is_error": True} if failed else block


def write(folder: Path, name: str, session: Session, *, age: int = 0) -> Path:
    path = folder / "-home-me-project" / f"{name}.jsonl"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"".join(session.lines()))
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
    return path


def mended(session: Session, ask: str = "make the linter happy") -> Session:
    """An error, a change, and the same command succeeding."""
    session.user(ask)
    session.assistant("msg_1", call(1, command="make lint"))
    session.user([result(1, LINT, failed=True)])
    edit = {"old_string": "\tos.Remove(path)", "new_string": "\tcheck(os.Remove(path))"}
    session.assistant("msg_2", call(2, "Edit", file_path=f"{CWD}/app/main.go", **edit))
    session.user([result(2, "The file has been updated")])
    session.assistant("msg_3", call(3, command="make lint"))
    session.user([result(3, "0 issues.")])
    session.assistant("msg_4", said("The linter is happy."))
    return session
