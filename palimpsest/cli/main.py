"""The command line: `palimpsest up | serve | replay | memory | import`."""

import argparse
import sys
from pathlib import Path

import uvloop

from palimpsest.cli.memory_arguments import add_actions
from palimpsest.runtime import logging as logs
from palimpsest.runtime.errors import PalimpsestError
from palimpsest.runtime.settings import Settings


def main() -> None:
    """Exit status 0, 1 for what failed (one line on stderr), 2 for a wrong setting or argument."""
    arguments = _parser().parse_args()
    settings = Settings.load()
    logs.configure(settings.log_format, settings.log_level)
    try:
        raise SystemExit(_run(arguments, settings))
    except PalimpsestError as error:
        sys.stderr.write(f"palimpsest: {error}\n")
        raise SystemExit(1) from None


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Imports are late so that each command loads only its own part."""
    match arguments.command:
        case "serve":
            from palimpsest.runtime.wiring.edge_process import run_edge

            uvloop.run(run_edge(settings))
            return 0
        case "replay":
            from palimpsest.cli.replay import replay

            return uvloop.run(replay(settings, arguments.request))
        case "memory":
            from palimpsest.cli.memory import memory_command

            return uvloop.run(memory_command(settings, arguments))
        case "import":
            from palimpsest.cli.import_transcripts import import_transcripts

            return uvloop.run(import_transcripts(settings, arguments.folder))
        case _:
            from palimpsest.devstack.supervisor import up

            return uvloop.run(up(settings))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="palimpsest", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start the embedded stack and the proxy in the foreground")
    commands.add_parser("serve", help="run one proxy process on an external Temporal and Postgres")
    replay = commands.add_parser("replay", help="replay a request's history against this code")
    replay.add_argument("request", help="the request's id, as x-palimpsest-request-id shows it")
    importing = commands.add_parser("import", help="file Claude Code's transcripts in the archive")
    importing.add_argument("folder", type=Path, help="such as ~/.claude/projects")
    add_actions(commands.add_parser("memory", help="memories: list, edit, delete, export, import"))
    return parser


if __name__ == "__main__":
    main()
