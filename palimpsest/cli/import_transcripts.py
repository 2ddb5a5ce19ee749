"""`palimpsest import FOLDER`: archives Claude Code's transcripts."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

from palimpsest.cli.local_memories import open_local_memories
from palimpsest.gateway.model import TENANT
from palimpsest.learning.importer import TranscriptImporter
from palimpsest.runtime.errors import BadRequest
from palimpsest.runtime.settings import Settings


async def import_transcripts(settings: Settings, folder: Path) -> int:
    """Print a line for each file, and one for all; 1 when a file could not be read, else 0."""
    if not await asyncio.to_thread(folder.is_dir):
        raise BadRequest(f"{folder} is no folder; Claude Code's is ~/.claude/projects")
    outcomes, sums = Counter[str](), Counter[str]()
    async with open_local_memories(settings) as local:
        importer = TranscriptImporter(local.memories, local.permission, local.conversations, TENANT)
        async for found in importer.import_folder(folder):
            outcomes[found.outcome] += 1
            counts = {
                "messages": found.messages,
                "new turns": found.turns,
                "new learned": found.learned,
                "malformed lines": found.malformed,
            }
            sums.update(counts)
            told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
            sys.stdout.write(f"{found.path.relative_to(folder)}: {found.outcome}")
            sys.stdout.write(f", {told}\n" if told else "\n")
            sys.stdout.flush()
    files = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
    total = ", ".join(f"{count} {name}" for name, count in sums.items())
    sys.stdout.write(f"{sum(outcomes.values())} files ({files or 'none'}): {total or 'nothing'}\n")
    return 1 if outcomes["unreadable"] else 0
