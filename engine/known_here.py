"""The memories of the running stack, or of `DATABASE_URL`, for commands beside it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from intelligence.permission import Permission
from providers.settlement import TENANT
from settings import Settings
from stack.addresses import addresses
from store.conversations import ConversationStore
from store.database import Database
from store.erasure import Erasure
from store.memories import MemoryStore
from store.migrate import migrate
from store.unremembered import Unremembered


@dataclass(frozen=True, slots=True)
class KnownHere:
    memories: MemoryStore
    erasure: Erasure
    permission: Permission
    conversations: ConversationStore


@asynccontextmanager
async def known_here(settings: Settings) -> AsyncGenerator[KnownHere]:
    """Raises StartupFailed or DatabaseUnavailable where nothing runs."""
    database = Database(addresses(settings).database, settings.engine_timeout)
    try:
        await database.ping()
        await migrate(database)
        yield KnownHere(
            MemoryStore(database, TENANT),
            Erasure(database, TENANT),
            Permission(Unremembered(database, TENANT), settings.forget),
            ConversationStore(database, TENANT),
        )
    finally:
        await database.close()
