"""The process and the files of the embedded vector engine."""

import os
from pathlib import Path

import psutil

from palimpsest.store.vectors.embedded.child import MODULE


def child() -> psutil.Process:
    """The one process below this that holds an index."""
    [found] = [
        process
        for process in psutil.Process().children()
        if process.status() != psutil.STATUS_ZOMBIE and MODULE in process.cmdline()
    ]
    return found


def generations(slot: Path) -> list[Path]:
    return [path for path in slot.iterdir() if path.is_dir()]


def graphs(root: Path) -> list[Path]:
    """Of the vectors; what the engine has of an index before its graph is without such a file."""
    # Unlike a glob, a walk does not mind what comes and goes meanwhile.
    return [
        Path(folder) / name
        for folder, _, names in os.walk(root)
        for name in names
        if name.startswith("graph")
    ]
