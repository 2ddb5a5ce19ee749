"""What the supervisor remembers in ``stack.json``: its children, and the ports to use again."""

import os
from pathlib import Path

import msgspec

from palimpsest.runtime.process_mark import Mark


class State(msgspec.Struct):
    """``children`` by role, ``ports`` by ``<role>.<name>``."""

    supervisor: Mark | None = None
    children: dict[str, Mark] = {}
    ports: dict[str, int] = {}

    def ports_of(self, role: str) -> dict[str, int]:
        """The ports of one role, by their names."""
        start = f"{role}."
        return {k.removeprefix(start): v for k, v in self.ports.items() if k.startswith(start)}

    def record(self, role: str, mark: Mark, ports: dict[str, int]) -> None:
        self.children[role] = mark
        self.ports |= {f"{role}.{name}": port for name, port in ports.items()}


def load(data_dir: Path) -> State:
    """The last state; an empty one if there is none or it cannot be read."""
    try:
        return msgspec.json.decode((data_dir / "stack.json").read_bytes(), type=State)
    except (FileNotFoundError, msgspec.DecodeError):
        return State()


def save(data_dir: Path, state: State) -> None:
    """Replace the file whole: a reader, or a crash, never sees half of it."""
    aside = data_dir / "stack.json.new"
    with aside.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(state)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(data_dir / "stack.json")
