"""Clients that do not read: bounded in memory, and given every byte when they read at last."""

import asyncio
import secrets
from pathlib import Path

import httpx
import msgspec

from harness.simulator import Simulator
from palimpsest.exchanges.byte_log import MEMORY_BYTES, PIECE_BYTES
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import HEADERS, ID, ended, eventually

ANSWER_CHARS = 8_000_000
CLIENTS = 3


def _asked() -> bytes:
    return msgspec.json.encode(
        {
            "model": "claude-sonnet-4-6",
            "max_tokens": 64_000_000,
            "stream": True,
            "messages": [{"role": "user", "content": secrets.token_hex(8)}],
        }
    )


async def test_who_does_not_read_is_kept_on_disk(parts: Parts, tmp_path: Path) -> None:
    async with (
        Simulator.serve(lenient=True) as upstream,
        running_proxy(parts, tmp_path, upstream.url) as running,
        httpx.AsyncClient(timeout=120, trust_env=False) as client,
    ):
        upstream.pace.text_chars, upstream.pace.delta_chars = ANSWER_CHARS, 20_000
        url = f"{running.url}/v1/messages"
        answers = [
            await client.send(
                client.build_request("POST", url, content=_asked(), headers=HEADERS), stream=True
            )
            for _ in range(CLIENTS)
        ]
        exchanges = running.process.exchanges
        ids = [answer.headers[ID] for answer in answers]

        def ended_here() -> bool:
            found = [exchanges.get(one) for one in ids]
            return all(exchange is None or exchange.answer.ended for exchange in found)

        await eventually(lambda: asyncio.sleep(0, ended_here()), bool)
        kept = [exchange.answer for one in ids if (exchange := exchanges.get(one))]
        assert len(kept) == CLIENTS, "nobody has read to the end"
        assert all(answer.size > ANSWER_CHARS for answer in kept)
        assert all(answer.held <= MEMORY_BYTES + 2 * PIECE_BYTES for answer in kept)
        for answer, request_id in zip(answers, ids, strict=True):
            content = await answer.aread()
            assert content.rstrip().endswith(b'{"type":"message_stop"}')
            record = await ended(running, request_id)
            assert record["outcome"] == "answered"
            recorded = await running.process.stores.requests.read_answer(request_id)
            assert recorded.content == content
