"""The journal is behind while the database is slow: that costs no memory, and no answer."""

import asyncio
from pathlib import Path

from palimpsest.exchanges.byte_log import MEMORY_BYTES, PIECE_BYTES, ByteLog
from palimpsest.store.postgres.journal import JournalWriter
from tests.support.canned_provider import Canned, held
from tests.support.interrupted_clients import PIECES
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.request_life import SHOWN, accepted, name
from tests.support.requests import ID, client_of, ended, eventually, message
from tests.support.table_lock import locked, waiting

PIECE = b"an answer's bytes " * 3_000


async def writer_of(running: RunningProxy, received: ByteLog) -> tuple[str, JournalWriter]:
    """A request under a lease, and the writer of its journal."""
    stores, request_id = running.process.stores, name()
    await stores.requests.accept(accepted(request_id, request_id))
    lease = await stores.requests.begin_attempt(request_id, request_id, SHOWN)
    assert lease
    return request_id, JournalWriter(stores.journal, request_id, lease.fence, received)


async def test_what_waits_for_the_database_is_on_disk(
    parts: Parts, running: RunningProxy, tmp_path: Path
) -> None:
    received = ByteLog(tmp_path)
    request_id, writer = await writer_of(running, received)
    async with locked(parts, "journal"):
        for _ in range(200):
            received.append(PIECE)
            writer.note()
        await eventually(lambda: waiting(parts, "journal"), bool)
        assert len(received) == 200 * len(PIECE)
        assert received.held <= MEMORY_BYTES + PIECE_BYTES
    journal = running.process.stores.journal
    content = await eventually(
        lambda: journal.read_content(request_id), lambda read: len(read) == len(received)
    )
    assert content == received.join()
    assert not writer.fenced.is_set()
    await writer.close()


async def test_an_answer_comes_whole_while_the_journal_takes_nothing(
    parts: Parts, tmp_path: Path
) -> None:
    more = asyncio.Event()
    long = [*PIECES[:3], more, *[PIECES[2]] * 20_000, *PIECES[3:]]
    async with (
        Canned.serve(held(*long)) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
        client.stream("POST", "/v1/messages", content=message(str(tmp_path), stream=True)) as got,
    ):
        chunks = got.aiter_raw()
        seen = await anext(chunks)
        async with locked(parts, "journal"):
            more.set()
            seen += b"".join([chunk async for chunk in chunks])
            assert await waiting(parts, "journal")
        state = await ended(running, got.headers[ID])
        assert state["outcome"] == "answered"
    assert seen == b"".join(piece for piece in long if isinstance(piece, bytes))
