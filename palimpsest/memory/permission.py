"""What may be kept and recalled: not of a project that a setting names, nor of what opted out."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from palimpsest.memory.model import Memory
from palimpsest.store.postgres.opt_outs import OptOuts, imported


class Permission:
    """``patterns``: paths of projects between commas, as the setting has them. A pattern stands
    for all that is below it, too; `*` stands for any characters."""

    def __init__(self, unremembered: OptOuts, patterns: str) -> None:
        self._unremembered = unremembered
        given = (pattern.strip() for pattern in patterns.split(","))
        self._patterns = tuple(str(Path(pattern).expanduser()) for pattern in given if pattern)

    async def allows(self, project: str, conversation: str) -> bool:
        """Whether turns may be kept, learned from and answered with what is known. An empty
        name is of one that is not known yet."""
        if self._is_excluded(project):
            return False
        return not await self._unremembered.among([project], [conversation])

    async def filter_allowed(self, memories: Sequence[Memory]) -> list[Memory]:
        """Those that may be shown."""
        projects = {memory.project for memory in memories}
        conversations = {memory.conversation for memory in memories}
        out = await self._unremembered.among(list(projects), list(conversations))
        named = {project for project in projects if self._is_excluded(project)}
        return [
            memory
            for memory in memories
            if memory.project not in named
            and ("project", memory.project) not in out
            and ("conversation", memory.conversation) not in out
        ]

    async def opt_out_conversation(self, conversation: str, session: str = "") -> None:
        """Keep and recall nothing of it from now on, nor of the client's own transcript of its
        ``session``; what was kept is hidden, not deleted."""
        for name in (conversation, imported(session) if session else ""):
            if name:
                await self._unremembered.add("conversation", name)

    async def opt_out_project(self, project: str) -> None:
        """The same for all conversations of a project."""
        if project:
            await self._unremembered.add("project", project)

    async def opt_in_project(self, project: str) -> None:
        await self._unremembered.remove("project", project)

    def _is_excluded(self, project: str) -> bool:
        if not project:
            return False
        path = PurePosixPath(project)
        return any(
            fnmatchcase(str(place), pattern)
            for place in (path, *path.parents)
            for pattern in self._patterns
        )
