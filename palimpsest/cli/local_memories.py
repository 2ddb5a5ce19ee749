"""The memories of the running stack, or of `DATABASE_URL`, for commands beside it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from palimpsest.devstack.addresses import addresses
from palimpsest.gateway.model import TENANT
from palimpsest.memory.permission import Permission
from palimpsest.runtime.settings import Settings
from palimpsest.store.postgres.conversations import ConversationStore
from palimpsest.store.postgres.database import Database
from palimpsest.store.postgres.erasure import Erasure
from palimpsest.store.postgres.memories import MemoryStore
from palimpsest.store.postgres.migrate import migrate
from palimpsest.store.postgres.opt_outs import OptOuts


@dataclass(frozen=True, slots=True)
class LocalMemories:
    """The stores that memory commands work on, of one tenant."""

    memories: MemoryStore
    erasure: Erasure
    permission: Permission
    conversations: ConversationStore


@asynccontextmanager
async def open_local_memories(settings: Settings) -> AsyncGenerator[LocalMemories]:
    """Open and migrate the database. Raises StartupFailed or DatabaseUnavailable if none runs."""
    database = Database(addresses(settings).database, settings.engine_timeout)
    try:
        await database.ping()
        await migrate(database)
        yield LocalMemories(
            MemoryStore(database, TENANT),
            Erasure(database, TENANT),
            Permission(OptOuts(database, TENANT), settings.forget),
            ConversationStore(database, TENANT),
        )
    finally:
        await database.close()
