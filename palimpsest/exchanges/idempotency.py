"""Recognises re-sends: a request that repeats another one is answered from it, and paid for once.

Clients that waited too long send the identical request again. Two clients that happen to ask the
same want two answers. A request is committed with a *claim* on its body, credential, session and
agent; who finds the claim taken either joins its holder or takes the claim over.
"""

import dataclasses
import time
from dataclasses import dataclass
from enum import StrEnum

from blake3 import blake3

from palimpsest.context.options import OPTION_HEADERS
from palimpsest.conversations.lineage import AGENT_HEADER, SESSION_HEADER
from palimpsest.exchanges.disconnects import Deliveries
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.model import AcceptedRequest, Identity, Outcome, RequestState
from palimpsest.exchanges.peers import AnswerSource, Engine
from palimpsest.exchanges.recorded_answer import replay
from palimpsest.exchanges.registry import ExchangeRegistry
from palimpsest.gateway.caller import credentials_in
from palimpsest.gateway.model import TENANT
from palimpsest.providers.headers import RawHeaders, list_of
from palimpsest.providers.records import recordable, recordable_target
from palimpsest.runtime.errors import BadRequest, NotFound, PalimpsestError, Unavailable
from palimpsest.runtime.foreign_values import parse_count
from palimpsest.runtime.metrics import Metrics
from palimpsest.runtime.offload import off_the_loop
from palimpsest.runtime.process_identity import is_gone
from palimpsest.store.postgres.requests import RequestStore
from palimpsest.store.vault import Vault, VaultContent

_KEY = b"idempotency-key"
_NAMED = b"x-palimpsest-request-id"
_RETRY_COUNT = b"x-stainless-retry-count"
_MEANING = (b"anthropic-version", b"anthropic-beta", *OPTION_HEADERS)
"""Headers that make another question of the same body."""
_LAST_MOMENT_SECONDS = 2.0


def identify(target: bytes, headers: RawHeaders, body: bytes) -> Identity:
    """Read a request's identity; header names may be in any case."""
    values = {name.lower(): value for name, value in headers}
    credential = b"\0".join(part for pair in credentials_in(headers) for part in pair)
    meaning = [b",".join(list_of(headers, name)) for name in _MEANING]
    identity = _hash(b"request", target, credential, body, *meaning)
    key, session = values.get(_KEY), values.get(SESSION_HEADER)
    if key:
        fingerprint = _hash(b"key", credential, key)
    else:
        fingerprint = _hash(b"claim", identity, session or b"", values.get(AGENT_HEADER, b""))
    named = values.get(_NAMED)
    return Identity(
        identity=identity,
        fingerprint=fingerprint,
        keyed=bool(key),
        session=bool(session),
        marked=bool(key or named) or _positive(values.get(_RETRY_COUNT)),
        named=named.decode("latin-1") if named else None,
    )


class Coalesce(StrEnum):
    """Which identical requests are one, as the setting says."""

    ALWAYS = "always"
    SESSION = "session"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class ResendTarget:
    """The request that holds the claim.

    ``same_identity``: its body and credential are the same.
    ``ended_without_answer``: nothing can be given from it.
    ``delivered``: its client has the whole answer.
    ``waiting``: its first client is still connected.
    """

    same_identity: bool
    ended_without_answer: bool
    delivered: bool
    waiting: bool


def is_resend(coalesce: Coalesce, identity: Identity, holder: ResendTarget) -> bool:
    """Whether to answer from the holder; raises BadRequest for a key that names another request."""
    if coalesce is Coalesce.NEVER or holder.ended_without_answer:
        return False
    by_name = identity.keyed or identity.named is not None
    if by_name and not holder.same_identity:
        raise BadRequest("this key or request id belongs to a request with another body or key")
    if holder.delivered:
        return by_name
    marked = identity.marked or identity.session
    return coalesce is Coalesce.ALWAYS or not holder.waiting or marked


class Idempotency:
    """Commits requests, or finds the ones that they repeat. ``owner`` names this process;
    ``source`` brings the answers of other processes, where there are any."""

    def __init__(
        self,
        exchanges: ExchangeRegistry,
        requests: RequestStore,
        deliveries: Deliveries,
        vault: Vault,
        engine: Engine,
        metrics: Metrics,
        *,
        coalesce: Coalesce,
        owner: str,
        source: AnswerSource | None = None,
    ) -> None:
        self._exchanges = exchanges
        self._requests = requests
        self._deliveries = deliveries
        self._vault = vault
        self._engine = engine
        self._metrics = metrics
        self._coalesce = coalesce
        self._owner = owner
        self._source = source

    async def claim(self, exchange: Exchange) -> Exchange:
        """The exchange to answer from: this one, now committed, or that of the request it
        repeats. Raises BadRequest or DatabaseUnavailable."""
        body = exchange.view.body
        identity = await off_the_loop(len(body), identify, exchange.target, exchange.headers, body)
        if identity.named and await self._repeats(identity, identity.named):
            return await self._join(identity.named, exchange)
        started = time.perf_counter()
        record = self._record(exchange, identity)
        while (holder := await self._requests.accept(record)) != exchange.request_id:
            if await self._repeats(identity, holder):
                return await self._join(holder, exchange)
            # Of several that come now, one takes the claim; the others look at that one.
            record = dataclasses.replace(record, seize_from=holder)
        exchange.accept((time.perf_counter() - started) * 1000)
        return exchange

    def _record(self, exchange: Exchange, identity: Identity) -> AcceptedRequest:
        sealed = VaultContent(exchange.target, exchange.headers)
        return AcceptedRequest(
            id=exchange.request_id,
            tenant=TENANT,
            caller=exchange.caller,
            target=recordable_target(exchange.target),
            headers=recordable(exchange.headers),
            view=exchange.view,
            edge=self._owner,
            sealed=self._vault.seal(exchange.request_id, sealed),
            identity=identity,
            claims=self._coalesce is not Coalesce.NEVER,
        )

    async def _repeats(self, identity: Identity, request_id: str) -> bool:
        local = self._exchanges.get(request_id)
        if local is not None and local.lifecycle.client_left:
            # It may have been answered at the last moment. How it ended is on record in a moment.
            await local.answer.wait_for_end(_LAST_MOMENT_SECONDS)
        held = await self._requests.find_claim_holder(request_id)
        if held is None:
            return False
        ended = held.state == RequestState.ENDED
        lives = held.edge_lives and not is_gone(held.edge or "")
        elsewhere = lives and not ended and not held.client_gone
        holder = ResendTarget(
            same_identity=held.identity == identity.identity,
            # One that was given up and has not ended is still carried out somewhere.
            ended_without_answer=ended and held.outcome != Outcome.ANSWERED,
            delivered=held.delivered or self._deliveries.is_delivered(request_id),
            waiting=local.clients > 0 if local else elsewhere,
        )
        return is_resend(self._coalesce, identity, holder)

    async def _join(self, holder: str, exchange: Exchange) -> Exchange:
        """The holder's exchange, if it is under way here; else this one under the holder's id,
        with the recorded answer, or for whichever process carries the request on."""
        local = self._exchanges.get(holder)
        if local is not None and not _is_broken(local):
            self._metrics.coalesced.inc()
            return local
        adopted = exchange.under_id(holder)
        try:
            recorded = await self._requests.read_answer(holder)
        except NotFound:
            return await self._follow(adopted)
        self._metrics.reattached.inc()
        replay(adopted.answer, recorded)
        return adopted

    async def _follow(self, adopted: Exchange) -> Exchange:
        """A request that is under way elsewhere, or nowhere: known here too from now on."""
        self._metrics.coalesced.inc()
        local = self._exchanges.get(adopted.request_id)
        if local is not None and not _is_broken(local):
            return local
        self._exchanges.add(adopted)
        if self._source:
            self._source.subscribe(adopted.request_id, adopted.answer)
        try:
            await self._requests.record_client_back(adopted.request_id, self._owner)
            await self._engine.ensure(adopted.request_id, adopted.view.model)
        except BaseException as error:
            known = isinstance(error, PalimpsestError)
            adopted.fail(error if known else Unavailable("the request was given up"))
            self._exchanges.forget(adopted.request_id)
            raise
        return adopted


def _is_broken(local: Exchange) -> bool:
    """Nobody writes to its answer any more: the process that called was lost in mid-answer, or
    its client was given up. The request goes on with another answer, or has one on record."""
    return local.lifecycle.client_left or (local.call is None and local.answer.error is not None)


def _hash(*parts: bytes) -> bytes:
    state = blake3()
    for part in parts:
        state.update(len(part).to_bytes(8, "big"))
        state.update(part)
    return state.digest()


def _positive(count: bytes | None) -> bool:
    return bool(count and parse_count(count))
