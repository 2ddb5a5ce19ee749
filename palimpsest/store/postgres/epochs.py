"""The recorded epochs of conversations: each is written once, and read while its history is used.

An epoch never changes, so what was read once is kept decoded.
"""

import asyncio

import zstandard
from sqlalchemy import text

from palimpsest.context.model import Epoch, EpochMode, RecordedEpoch, decode, encode
from palimpsest.runtime.lru import Memo
from palimpsest.store.postgres.database import Database

_REMEMBERED = 64


class EpochStore:
    """The epochs of one tenant, by the chain hash they are recorded under."""

    def __init__(self, database: Database, tenant: str) -> None:
        self._database = database
        self._tenant = tenant
        self._decoded: Memo[tuple[bytes, EpochMode], Epoch] = Memo(_REMEMBERED)

    async def get(self, chain: bytes, mode: EpochMode) -> Epoch | None:
        """The epoch recorded under exactly this chain hash."""
        known = self._decoded.get((chain, mode))
        if known is not None:
            return known
        rows = await self._database.run(_GET, self._key(chain, mode))
        return await self._read(chain, mode, rows[0]["data"]) if rows else None

    async def record(self, epoch: Epoch, mode: EpochMode, conversation: str, request: str) -> Epoch:
        """Record an epoch, unless one is recorded under its chain hash; the one that is."""
        values = {
            **self._key(epoch.chain, mode),
            "conversation_id": conversation,
            "request_id": request,
            "depth": epoch.depth,
            "number": epoch.number,
            "cause": epoch.cause.value,
            "tokens_before": epoch.tokens_before,
            "tokens_after": epoch.tokens_after,
            "data": await asyncio.to_thread(_packed, epoch),
        }
        [row] = await self._database.run(_RECORD, values)
        return await self._read(epoch.chain, mode, row["data"])

    async def list_epochs(self, conversation: str) -> list[RecordedEpoch]:
        """The epochs of a conversation, oldest first, and those that its requests took over from
        others."""
        rows = await self._database.run(
            _LIST, {"tenant": self._tenant, "conversation": conversation}
        )
        return [
            RecordedEpoch(
                await self._read(row["chain"], row["mode"], row["data"]),
                row["mode"],
                row["request_id"],
                row["created_at"],
            )
            for row in rows
        ]

    async def _read(self, chain: bytes, mode: EpochMode, data: bytes) -> Epoch:
        known = self._decoded.get((chain, mode))
        if known is None:
            known = await asyncio.to_thread(_unpacked, data)
            self._decoded.put((chain, mode), known)
        return known

    def _key(self, chain: bytes, mode: EpochMode) -> dict[str, object]:
        return {"tenant": self._tenant, "chain": chain, "mode": mode}


def _packed(epoch: Epoch) -> bytes:
    return zstandard.ZstdCompressor().compress(encode(epoch))


def _unpacked(data: bytes) -> Epoch:
    return decode(zstandard.ZstdDecompressor().decompress(data))


_GET = text("SELECT data FROM epochs WHERE tenant = :tenant AND chain = :chain AND mode = :mode")
# The update changes nothing: it makes the statement return the row that is there.
_RECORD = text("""
INSERT INTO epochs AS e (tenant, chain, mode, conversation_id, request_id, depth, number, cause,
                         tokens_before, tokens_after, data)
VALUES (:tenant, :chain, :mode, :conversation_id, :request_id, :depth, :number, :cause,
        :tokens_before, :tokens_after, :data)
ON CONFLICT (tenant, chain, mode) DO UPDATE SET number = e.number
RETURNING data
""")
_LIST = text("""
SELECT chain, mode, request_id, data, created_at FROM epochs
WHERE tenant = :tenant AND (conversation_id = :conversation OR chain IN (
    SELECT unnest(ARRAY[applied_epoch, observed_epoch]) FROM requests
    WHERE conversation_id = :conversation))
ORDER BY created_at, depth
""")
