"""Takes Claude Code's transcripts in: filed in the archive, and learned from.

Again is no more: memories are named by their content. What a person deleted stays deleted, and
nothing is taken of projects that opted out, nor of sessions that came through the proxy: those are
filed already, or were not to be.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from palimpsest.conversations.lineage import chain, root
from palimpsest.conversations.session import SESSION_HEADER, named_session
from palimpsest.dialects.registry import DEFAULT
from palimpsest.learning.extraction import extract_candidates
from palimpsest.learning.redaction import redact_message
from palimpsest.learning.transcripts import Transcript, parse_transcript
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.model import Memory
from palimpsest.memory.permission import Permission
from palimpsest.memory.secrets import redact
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.opt_outs import imported


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of one file. ``outcome``: `taken`, `carried` (it came through the proxy),
    `opted_out`, `nothing` (no message of a main conversation), `unreadable`; ``turns`` and
    ``learned`` are those that were not known yet."""

    path: Path
    outcome: str
    messages: int = 0
    turns: int = 0
    learned: int = 0
    malformed: int = 0


class TranscriptImporter:
    """Imports for one tenant."""

    def __init__(
        self,
        memories: MemoryStore,
        permission: Permission,
        conversations: ConversationStore,
        tenant: str,
    ) -> None:
        self._memories = memories
        self._permission = permission
        self._conversations = conversations
        self._tenant = tenant

    async def import_folder(self, folder: Path) -> AsyncIterator[ImportReport]:
        """Each transcript below the folder, the oldest first, so that what was learned last is
        seen last."""
        for path in await asyncio.to_thread(_list_transcripts, folder):
            yield await self.import_file(path)

    async def import_file(self, path: Path) -> ImportReport:
        try:
            found = await asyncio.to_thread(_read, path)
        except OSError:
            return ImportReport(path, "unreadable")
        if not found.messages:
            return ImportReport(path, "nothing", malformed=found.malformed)
        if await self._is_proxied(found.session):
            return ImportReport(path, "carried", len(found.messages), malformed=found.malformed)
        conversation = imported(found.session or path.stem)
        if not await self._permission.allows(found.project, conversation):
            return ImportReport(path, "opted_out", len(found.messages), malformed=found.malformed)
        origin = Origin(self._tenant, found.project, conversation)
        turns, learned = await asyncio.to_thread(_make_memories, origin, found)
        learned = await self._drop_repeated(learned, turns)
        return ImportReport(
            path,
            "taken",
            len(found.messages),
            await self._memories.save(turns),
            await self._memories.save(learned),
            found.malformed,
        )

    async def _is_proxied(self, session: str) -> bool:
        name = named_session(self._tenant, ((SESSION_HEADER, session.encode()),))
        return name is not None and (
            (await self._conversations.of_session(name)).conversation_id is not None
        )

    async def _drop_repeated(
        self, learned: Sequence[Memory], turns: Sequence[Memory]
    ) -> list[Memory]:
        """Without what another conversation said word for word: a resumed session repeats the
        one that it goes on from, and bears nothing out."""
        first = {turn.position: turn for turn in turns if turn.part == 0}
        asked = [first[one.position].id for one in learned if one.position in first]
        known = await self._memories.get(asked)
        repeated = {
            memory.position
            for memory in known
            if memory.conversation != first[memory.position].conversation
        }
        return [one for one in learned if one.position not in repeated]


def _list_transcripts(folder: Path) -> list[Path]:
    """Sub-agents' transcripts tell nothing of a person."""
    paths = (path for path in folder.rglob("*.jsonl") if not path.name.startswith("agent-"))
    return sorted(paths, key=lambda path: (path.stat().st_mtime, path))


def _read(path: Path) -> Transcript:
    with path.open("rb") as file:
        return parse_transcript(file)


def _make_memories(origin: Origin, found: Transcript) -> tuple[list[Memory], list[Memory]]:
    """Turns, and what they teach; both of texts that secrets were taken out of."""
    hashes = chain(
        root(origin.tenant, origin.project), [spoken.raw for spoken in found.messages], DEFAULT
    )
    said = [
        ConversationMessage(redact_message(spoken.raw, redact), name, spoken.said_at)
        for spoken, name in zip(found.messages, hashes, strict=True)
    ]
    messages = [DEFAULT.message(one.raw) for one in said]
    learned = [
        candidate.to_memory(
            origin.tenant, origin.project, origin.conversation, said[candidate.position].said_at
        )
        for candidate in extract_candidates(messages, origin.project)
    ]
    return list(archive_messages(origin, said, DEFAULT)), learned
