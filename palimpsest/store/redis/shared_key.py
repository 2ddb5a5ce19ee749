"""Whether all processes have the same vault key: each shows a fingerprint of its own in Redis."""

import asyncio

import structlog
from blake3 import blake3

from palimpsest.runtime.errors import RedisUnavailable, StartupFailed
from palimpsest.store.redis.streams import Streams

_KEY = "palimpsest:vault-key"
_EVERY_SECONDS = 5.0
_KEPT_SECONDS = 15

_log = structlog.stdlib.get_logger()


class SharedKey:
    """The key that the processes alive go by; another one may come when all have stopped."""

    def __init__(self, streams: Streams, key: bytes) -> None:
        self._streams = streams
        self._fingerprint = blake3(
            key, derive_key_context="palimpsest 2026 vault key fingerprint"
        ).hexdigest(16)

    async def check(self) -> None:
        """Raises StartupFailed when the others have another key; nobody can say without Redis."""
        try:
            shared = await self._is_shared()
        except RedisUnavailable as error:
            _log.warning("the vault key could not be compared", reason=str(error))
            return
        if not shared:
            raise StartupFailed(
                "the other processes have another vault key: set the same PALIMPSEST_VAULT_KEY "
                "for all (`openssl rand -base64 32` makes one)"
            )

    async def run(self) -> None:
        """Show it for ever."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                if not await self._is_shared():
                    _log.error("another process has another vault key")
            except RedisUnavailable:
                continue

    async def _is_shared(self) -> bool:
        shown = await self._streams.agree(_KEY, self._fingerprint, _KEPT_SECONDS)
        return shown == self._fingerprint
