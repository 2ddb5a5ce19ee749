"""Committing a request, or finding the one that it is a re-send of."""

import dataclasses
import time

from api.proxy import Proxy
from palimpsest.exchanges.answer import Answer
from palimpsest.exchanges.exchange import Exchange
from palimpsest.exchanges.identity import identify
from palimpsest.exchanges.model import AcceptedRequest, Identity, Outcome, RequestState
from palimpsest.exchanges.recorded_answer import replay
from palimpsest.exchanges.resend import Known, is_resend
from palimpsest.gateway.model import TENANT
from palimpsest.providers.headers import recordable, recordable_target
from palimpsest.runtime.errors import NotFound, PalimpsestError
from palimpsest.runtime.offload import off_the_loop
from palimpsest.runtime.process_identity import is_gone
from palimpsest.store.vault import Sealed

_LAST_MOMENT_SECONDS = 2.0


async def claim(proxy: Proxy, exchange: Exchange) -> Exchange:
    """The exchange to answer from: this one, now committed, or that of the request it repeats."""
    body = exchange.view.body
    identity = await off_the_loop(len(body), identify, exchange.target, exchange.headers, body)
    if identity.named and await _repeats(proxy, identity, identity.named):
        return await _attached(proxy, identity.named, exchange)
    started = time.perf_counter()
    record = _record(proxy, exchange, identity)
    while (holder := await proxy.requests.accept(record)) != exchange.request_id:
        if await _repeats(proxy, identity, holder):
            return await _attached(proxy, holder, exchange)
        # Of several that come now, one takes the claim; the others look at that one.
        record = dataclasses.replace(record, seize_from=holder)
    exchange.accept_ms = (time.perf_counter() - started) * 1000
    return exchange


def _record(proxy: Proxy, exchange: Exchange, identity: Identity) -> AcceptedRequest:
    sealed = Sealed(exchange.target, exchange.headers)
    return AcceptedRequest(
        id=exchange.request_id,
        tenant=TENANT,
        target=recordable_target(exchange.target),
        headers=recordable(exchange.headers),
        view=exchange.view,
        edge=proxy.owner,
        sealed=proxy.vault.seal(exchange.request_id, sealed),
        identity=identity,
        claims=proxy.settings.coalesce != "never",
    )


async def _repeats(proxy: Proxy, identity: Identity, holder: str) -> bool:
    local = proxy.exchanges.get(holder)
    if local is not None and local.gave_up:
        # It may have been answered at the last moment. How it ended is on record in a moment.
        await local.answer.over_within(_LAST_MOMENT_SECONDS)
    held = await proxy.requests.held(holder)
    if held is None:
        return False
    ended = held.state == RequestState.ENDED
    lives = held.edge_lives and not is_gone(held.edge or "")
    elsewhere = lives and not ended and not held.client_gone
    known = Known(
        same_identity=held.identity == identity.identity,
        # One that was given up and has not ended is still carried out somewhere.
        ended_without_answer=ended and held.outcome != Outcome.ANSWERED,
        delivered=held.delivered or proxy.deliveries.delivered(holder),
        waiting=local.clients > 0 if local else elsewhere,
    )
    return is_resend(proxy.settings.coalesce, identity, known)


async def _attached(proxy: Proxy, holder: str, exchange: Exchange) -> Exchange:
    """The holder's exchange, if it is under way here; else this one under the holder's id, with
    the recorded answer, or for whichever process carries the request on."""
    local = proxy.exchanges.get(holder)
    if local is not None and not _broke_off(local):
        proxy.metrics.coalesced.inc()
        return local
    adopted = dataclasses.replace(exchange, request_id=holder, answer=Answer(), clients=0)
    try:
        row, content = await proxy.requests.response(holder)
    except NotFound:
        return await _adopted(proxy, adopted)
    proxy.metrics.reattached.inc()
    replay(adopted.answer, row, content)
    return adopted


async def _adopted(proxy: Proxy, adopted: Exchange) -> Exchange:
    """A request that is under way elsewhere, or nowhere: known here too from now on."""
    proxy.metrics.coalesced.inc()
    local = proxy.exchanges.get(adopted.request_id)
    if local is not None and not _broke_off(local):
        return local
    proxy.exchanges.add(adopted)
    if proxy.following:
        proxy.following.follow(adopted.request_id, adopted.answer)
    try:
        await proxy.requests.client(adopted.request_id, proxy.owner, gone=False)
        await proxy.starter.ensure(adopted.request_id, adopted.view.model)
    except PalimpsestError as error:
        adopted.answer.fail(error)
        proxy.exchanges.forget(adopted.request_id)
        raise
    return adopted


def _broke_off(local: Exchange) -> bool:
    """Nobody writes to its answer any more: the process that called was lost in mid-answer, or
    its client was given up. The request goes on with another answer, or has one on record."""
    return local.gave_up or (local.call is None and local.answer.error is not None)
