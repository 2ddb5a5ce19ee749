"""A client is given up, and its answer was complete at that very moment."""

import asyncio
from pathlib import Path

from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.exchanges.exchange import Exchange, StopCause
from palimpsest.exchanges.idempotency import identify
from palimpsest.runtime.errors import Unavailable
from palimpsest.store.vault import VaultContent
from tests.support.canned_provider import Canned, held
from tests.support.interrupted_clients import PIECES, WHOLE, cut, send
from tests.support.proxy import Parts, running_proxy
from tests.support.request_life import accepted, name
from tests.support.requests import (
    HEADERS,
    ID,
    ended,
    eventually,
    message,
)
from tests.support.table_lock import locked, waiting


async def test_the_recorded_answer_counts_whatever_the_edge_still_thinks(
    parts: Parts, tmp_path: Path
) -> None:
    """An edge that asked another process to stop the call, and could not learn how it ended."""
    more, content = asyncio.Event(), message(str(tmp_path), stream=True)
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
    ):
        request_id = await cut(running, content)
        more.set()
        assert (await ended(running, request_id))["outcome"] == "answered"
        given_up = Exchange(request_id, parse(content), b"/v1/messages", ())
        given_up.stop(StopCause.CLIENT_LEFT)
        running.process.exchanges.add(given_up)
        sending = asyncio.create_task(send(running, content, HEADERS))
        await asyncio.sleep(0)
        given_up.answer.fail(Unavailable("the client left"))
        got = await sending
        running.process.exchanges.forget(request_id)
    assert (got.content, got.headers[ID]) == (WHOLE, request_id)
    assert len(provider.requests) == 1


async def test_given_up_while_the_end_is_committed(parts: Parts, tmp_path: Path) -> None:
    more, content = asyncio.Event(), message(str(tmp_path), stream=True)
    async with (
        Canned.serve(held(*PIECES[:3], more, *PIECES[3:])) as provider,
        running_proxy(parts, tmp_path, provider.url, client_gone_grace=1) as running,
    ):
        request_id = await cut(running, content)
        exchange = running.process.exchanges.get(request_id)
        assert exchange
        async with locked(parts, "attempts"):
            more.set()
            await eventually(lambda: waiting(parts, "attempts"), bool)

            async def gave_up() -> bool:
                return exchange.lifecycle.client_left

            await eventually(gave_up, bool)
            sending = asyncio.create_task(send(running, content, HEADERS))
            done, _ = await asyncio.wait({sending}, timeout=0.3)
            assert not done
        got = await sending
        state = await ended(running, request_id)
    assert state["outcome"] == "answered"
    assert (got.content, got.headers[ID]) == (WHOLE, request_id)
    assert len(provider.requests) == 1


async def test_given_up_and_not_ended_it_is_taken_up_again(parts: Parts, tmp_path: Path) -> None:
    """Nobody could be told to stop, and a second request would be a second call."""
    content, request_id = message(str(tmp_path), stream=True), name()
    headers = tuple((key.encode(), value.encode()) for key, value in HEADERS.items())
    async with (
        Canned.serve(held(*PIECES)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
    ):
        process = running.process
        await process.stores.requests.accept(
            accepted(
                request_id,
                "",
                view=parse(content),
                edge=process.owner,
                sealed=process.stores.vault.seal(
                    request_id, VaultContent(b"/v1/messages", headers)
                ),
                identity=identify(b"/v1/messages", headers, content),
            )
        )
        given_up = Exchange(request_id, parse(content), b"/v1/messages", headers)
        given_up.stop(StopCause.CLIENT_LEFT)
        given_up.answer.fail(Unavailable("the client left"))
        process.exchanges.add(given_up)
        got = await send(running, content, HEADERS)
        assert (await ended(running, request_id))["outcome"] == "answered"
    assert (got.content, got.headers[ID]) == (WHOLE, request_id)
    assert len(provider.requests) == 1
