"""CPU seconds and resident memory of a tree of processes, by the role each one plays."""

from collections import Counter

import psutil


def role_of(name: str) -> str:
    """``postgres``, ``temporal`` or, for everything else, ``proxy``."""
    for role in ("postgres", "temporal"):
        if name.startswith(role):
            return role
    return "proxy"


def tree(root: int) -> list[psutil.Process]:
    """The process and its descendants; empty once it is gone."""
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def cpu_seconds(root: int, role: str | None = None) -> Counter[str]:
    """User and system time so far by role; ``role`` overrides the names' own."""
    seconds: Counter[str] = Counter()
    for process in tree(root):
        try:
            times = process.cpu_times()
            name = role or role_of(process.name())
        except psutil.NoSuchProcess:
            continue
        seconds[name] += times.user + times.system  # pyright: ignore[reportArgumentType]
    return seconds


def resident_bytes(root: int) -> Counter[str]:
    """Resident set size by role; shared pages count in each process that maps them."""
    sizes: Counter[str] = Counter()
    for process in tree(root):
        try:
            sizes[role_of(process.name())] += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return sizes
