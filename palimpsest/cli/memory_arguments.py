"""The arguments of `palimpsest memory`; apart from the command, which takes longer to load."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from palimpsest.memory.model import Kind


def add_actions(memory: argparse.ArgumentParser) -> None:
    """Add the command's actions with their arguments."""
    actions = memory.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="the newest first")
    _filters(listing)
    listing.add_argument("--contains", help="words of the text")
    listing.add_argument("--limit", type=int, default=50)
    for name, told in (("show", "one memory"), ("confirm", "it is right: offer it")):
        actions.add_parser(name, help=told).add_argument("id")
    editing = actions.add_parser("edit", help="another text, or another confidence")
    editing.add_argument("id")
    editing.add_argument("--text")
    editing.add_argument("--confidence", type=float, help="0 to 1")
    deleting = actions.add_parser("delete", help="for good; without kind and id captures, too")
    _filters(deleting)
    deleting.add_argument("--id", action="append", metavar="ID")
    deleting.add_argument("--all", action="store_true", help="everything")
    exporting = actions.add_parser("export", help="lines of JSON on the standard output")
    _filters(exporting)
    importing = actions.add_parser("import", help="lines of JSON, as the export has them")
    importing.add_argument("file", type=Path)
    actions.add_parser("reindex", help="let the vector index take all memories in again")
    for name, told in (
        ("forget-project", "delete all of a project, and keep nothing of it from now on"),
        ("remember-project", "keep what comes of a project again"),
    ):
        actions.add_parser(name, help=told).add_argument("project")


def _filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--kind", choices=[kind.value for kind in Kind])
    parser.add_argument("--project", help="the working directory")
    parser.add_argument("--conversation")
    parser.add_argument("--before", type=_time, help="a day or a time, as 2026-11-01")


def _time(told: str) -> datetime:
    time = datetime.fromisoformat(told)
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
