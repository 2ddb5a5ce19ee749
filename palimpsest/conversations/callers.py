"""Tells whose a request is, and learns from the provider's answers whose a token is."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from palimpsest.gateway.caller import (
    Credential,
    CredentialKind,
    caller_of,
    credential_of,
    organisation_in,
)
from palimpsest.gateway.model import Ownership
from palimpsest.providers.headers import RawHeaders
from palimpsest.runtime.lru import Memo
from palimpsest.store.postgres.callers import CallerStore

Ask = Callable[[RawHeaders], Awaitable[RawHeaders]]
"""Asks the provider something that costs nothing with a request's credential, and returns the
headers of its answer; raises PalimpsestError or TimeoutError."""

_REMEMBERED = 4_096
_UNKNOWN_SECONDS = 5.0
_SILENT_SECONDS = 3600.0
"""So long is a provider not asked again that named no organisation."""

_log = structlog.stdlib.get_logger()


class Callers:
    """Callers by their credentials.

    A token that is new here, on an installation where tokens have organisations, is one that took
    the place of another: the provider is asked once whose it is, or a conversation would lose its
    decisions in its midst.

    ``unknown_seconds``: so long is it taken as unknown what the database did not know of a token.
    """

    def __init__(
        self, store: CallerStore, ask: Ask | None = None, unknown_seconds: float = _UNKNOWN_SECONDS
    ) -> None:
        self._store = store
        self._unknown_seconds = unknown_seconds
        self._ask = ask
        self._organisations: Memo[bytes, str] = Memo(_REMEMBERED)
        self._unknown: Memo[bytes, float] = Memo(_REMEMBERED)
        self._silent: Memo[bytes, float] = Memo(_REMEMBERED)
        self._asking: dict[bytes, asyncio.Task[str | None]] = {}

    async def identify(self, headers: RawHeaders) -> str:
        """The caller of a request. Raises DatabaseUnavailable."""
        credential = credential_of(headers)
        if credential is None or credential.kind is CredentialKind.API_KEY:
            return caller_of(credential)
        return caller_of(credential, await self._find(credential, headers))

    def identify_at_once(self, headers: RawHeaders) -> str:
        """The caller, as far as this process knows it."""
        credential = credential_of(headers)
        known = self._organisations.get(credential.digest) if credential else None
        return caller_of(credential, known)

    def learn(
        self, caller: str, headers: RawHeaders, answer: RawHeaders
    ) -> tuple[str, Ownership | None]:
        """Whose a request is now that it is answered, ``caller`` before; and what the answer told
        of its token, where that is new."""
        credential, named = credential_of(headers), organisation_in(answer)
        if credential is None or credential.kind is CredentialKind.API_KEY or named is None:
            return caller, None
        is_new = self._organisations.get(credential.digest) != named
        self._organisations.put(credential.digest, named)
        learned = Ownership(credential.digest, named) if is_new else None
        return caller_of(credential, named), learned

    async def _find(self, credential: Credential, headers: RawHeaders) -> str | None:
        known = self._organisations.get(credential.digest)
        if known or time.monotonic() < (self._unknown.get(credential.digest) or 0.0):
            return known
        found, any_known = await self._store.find_organisation(credential.digest)
        is_silent = time.monotonic() < (self._silent.get(credential.digest) or 0.0)
        if found is None and any_known and not is_silent:
            found = await self._ask_once(credential, headers)
        if found is None:
            self._unknown.put(credential.digest, time.monotonic() + self._unknown_seconds)
        else:
            self._organisations.put(credential.digest, found)
        return found

    async def _ask_once(self, credential: Credential, headers: RawHeaders) -> str | None:
        task = self._asking.get(credential.digest)
        if task is None:
            task = asyncio.create_task(self._ask_provider(credential, headers))
            self._asking[credential.digest] = task
            task.add_done_callback(lambda _: self._asking.pop(credential.digest, None))
        return await asyncio.shield(task)

    async def _ask_provider(self, credential: Credential, headers: RawHeaders) -> str | None:
        """Whatever goes wrong here, the request can do without."""
        try:
            named = organisation_in(await self._ask(headers)) if self._ask else None
            if named:
                await self._store.record(credential.digest, named)
            else:
                self._silent.put(credential.digest, time.monotonic() + _SILENT_SECONDS)
        except Exception as error:
            _log.info("whose a token is stays unknown", reason=str(error) or type(error).__name__)
            return None
        return named
