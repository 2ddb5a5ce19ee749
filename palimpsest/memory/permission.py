"""Decides what may be kept and injected: nothing of projects that a setting names, and nothing of
conversations and projects that opted out."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from palimpsest.memory.model import Memory
from palimpsest.store.postgres.opt_outs import OptOuts, import_conversation


class Permission:
    """The opt-outs of one tenant, and the setting's.

    ``patterns``: paths of projects between commas, as in the setting. A pattern also matches all
    paths below it; `*` matches any characters.
    """

    def __init__(self, unremembered: OptOuts, patterns: str) -> None:
        self._unremembered = unremembered
        given = (pattern.strip() for pattern in patterns.split(","))
        self._patterns = tuple(str(Path(pattern).expanduser()) for pattern in given if pattern)

    async def allows(self, project: str, conversation: str) -> bool:
        """Whether turns may be kept, learned from and given memories. An empty name stands for a
        project or conversation that is not known yet."""
        if self._is_excluded(project):
            return False
        return not await self._unremembered.find_opted_out([project], [conversation])

    async def filter_allowed(self, memories: Sequence[Memory]) -> list[Memory]:
        """The memories that may be shown."""
        projects = {memory.project for memory in memories}
        conversations = {memory.conversation for memory in memories}
        out = await self._unremembered.find_opted_out(list(projects), list(conversations))
        named = {project for project in projects if self._is_excluded(project)}
        return [
            memory
            for memory in memories
            if memory.project not in named
            and ("project", memory.project) not in out
            and ("conversation", memory.conversation) not in out
        ]

    async def opt_out_conversation(self, conversation: str, session: str = "") -> None:
        """Keeps and injects nothing of a conversation from now on, nor of the client's own
        transcript of its ``session``; its memories are hidden, not deleted."""
        for name in (conversation, import_conversation(session) if session else ""):
            if name:
                await self._unremembered.opt_out("conversation", name)

    async def opt_out_project(self, project: str) -> None:
        """Does the same for all conversations of a project."""
        if project:
            await self._unremembered.opt_out("project", project)

    async def opt_in_project(self, project: str) -> None:
        """Takes the opt-out of a project back."""
        await self._unremembered.opt_in("project", project)

    def _is_excluded(self, project: str) -> bool:
        if not project:
            return False
        path = PurePosixPath(project)
        return any(
            fnmatchcase(str(place), pattern)
            for place in (path, *path.parents)
            for pattern in self._patterns
        )
