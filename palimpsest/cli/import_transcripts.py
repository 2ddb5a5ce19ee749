"""`palimpsest import FOLDER`: Claude Code's transcripts for the archive."""

import asyncio
import sys
from collections import Counter
from pathlib import Path

from palimpsest.cli.local_memories import known_here
from palimpsest.gateway.model import TENANT
from palimpsest.learning.importer import TranscriptImporter
from palimpsest.runtime.errors import BadRequest
from palimpsest.runtime.settings import Settings


async def import_transcripts(settings: Settings, folder: Path) -> int:
    """A line for each file, and one for all; 1 when a file could not be read."""
    if not await asyncio.to_thread(folder.is_dir):
        raise BadRequest(f"{folder} is no folder; Claude Code's is ~/.claude/projects")
    outcomes, sums = Counter[str](), Counter[str]()
    async with known_here(settings) as known:
        importer = TranscriptImporter(known.memories, known.permission, known.conversations, TENANT)
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
