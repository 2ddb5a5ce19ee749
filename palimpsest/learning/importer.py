"""Imports Claude Code's transcripts: archives their messages, and learns from them.

A second import of a file adds nothing, since a memory's id is a hash of its content. What a person
deleted stays deleted. Projects that opted out are skipped, and so are sessions that came through
the proxy: they are archived already, or were not to be.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from palimpsest.conversations.lineage import SESSION_HEADER, chain, named_session, root
from palimpsest.dialects.registry import DEFAULT
from palimpsest.learning.extraction import extract_candidates
from palimpsest.learning.model import ImportOutcome
from palimpsest.learning.redaction import redact_message
from palimpsest.learning.transcripts import Transcript, parse_transcript
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.model import Memory
from palimpsest.memory.permission import Permission
from palimpsest.memory.secrets import redact
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.opt_outs import import_conversation


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of one file.

    ``messages``: in its main conversation.
    ``turns``: new memories of turns.
    ``learned``: new memories of lessons.
    ``malformed``: lines that were left out.
    """

    path: Path
    outcome: ImportOutcome
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
        """Imports each transcript below the folder, the oldest first, so that newer lessons are
        seen last."""
        for path in await asyncio.to_thread(_list_transcripts, folder):
            yield await self.import_file(path)

    async def import_file(self, path: Path) -> ImportReport:
        """Imports one transcript."""
        try:
            found = await asyncio.to_thread(_read, path)
        except OSError:
            return ImportReport(path, ImportOutcome.UNREADABLE)
        if not found.messages:
            return _skip(path, ImportOutcome.NOTHING, found)
        if await self._is_proxied(found.session):
            return _skip(path, ImportOutcome.CARRIED, found)
        conversation = import_conversation(found.session or path.stem)
        if not await self._permission.allows(found.project, conversation):
            return _skip(path, ImportOutcome.OPTED_OUT, found)
        origin = Origin(self._tenant, found.project, conversation)
        turns, learned = await asyncio.to_thread(_make_memories, origin, found)
        learned = await self._drop_repeated(learned, turns)
        return ImportReport(
            path,
            ImportOutcome.TAKEN,
            len(found.messages),
            await self._memories.save(turns),
            await self._memories.save(learned),
            found.malformed,
        )

    async def _is_proxied(self, session: str) -> bool:
        name = named_session(self._tenant, ((SESSION_HEADER, session.encode()),))
        return name is not None and (
            (await self._conversations.find_session_place(name)).conversation_id is not None
        )

    async def _drop_repeated(
        self, learned: Sequence[Memory], turns: Sequence[Memory]
    ) -> list[Memory]:
        """Drops lessons from messages that are archived of another conversation: a resumed session
        repeats the one that it goes on from, and confirms nothing."""
        first = {turn.position: turn for turn in turns if turn.part == 0}
        asked = [first[one.position].id for one in learned if one.position in first]
        known = await self._memories.get(asked)
        repeated = {
            memory.position
            for memory in known
            if memory.conversation != first[memory.position].conversation
        }
        return [one for one in learned if one.position not in repeated]


def _skip(path: Path, outcome: ImportOutcome, found: Transcript) -> ImportReport:
    return ImportReport(path, outcome, len(found.messages), malformed=found.malformed)


def _list_transcripts(folder: Path) -> list[Path]:
    """The transcripts below a folder, oldest first, without those of sub-agents."""
    paths = (path for path in folder.rglob("*.jsonl") if not path.name.startswith("agent-"))
    return sorted(paths, key=lambda path: (path.stat().st_mtime, path))


def _read(path: Path) -> Transcript:
    with path.open("rb") as file:
        return parse_transcript(file)


def _make_memories(origin: Origin, found: Transcript) -> tuple[list[Memory], list[Memory]]:
    """The memories of turns, and of the lessons in them; secrets are taken out of the texts
    first."""
    hashes = chain(
        root(origin.tenant, origin.project), [spoken.raw for spoken in found.messages], DEFAULT
    )
    said = [
        ConversationMessage(redact_message(spoken.raw, redact), name, spoken.said_at)
        for spoken, name in zip(found.messages, hashes, strict=True)
    ]
    messages = [DEFAULT.message(one.raw) for one in said]
    learned = [
        candidate.to_memory(origin, said[candidate.position].said_at)
        for candidate in extract_candidates(messages, origin.project)
    ]
    return list(archive_messages(origin, said, DEFAULT)), learned
