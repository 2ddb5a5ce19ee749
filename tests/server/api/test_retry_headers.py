"""Whether and when a call is made again, the provider says in headers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.canned_provider import Canned, Received, answer
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import client_of, message


@pytest.mark.parametrize(
    ("status", "said", "calls"),
    [("529 Overloaded", "false", 1), ("400 Bad Request", "true", 2), ("429 Too Many", None, 2)],
)
async def test_a_call_is_made_again_as_the_provider_says(
    parts: Parts, tmp_path: Path, status: str, said: str | None, calls: int
) -> None:
    # The seconds would be beyond all limits.
    told = [("retry-after-ms", "10"), ("retry-after", "3600")]
    refusal = answer(b"{}", *told, *([("x-should-retry", said)] if said else []), status=status)

    async def script(_: Received) -> AsyncIterator[bytes]:
        yield refusal if len(provider.requests) == 1 else answer(b"{}")

    async with (
        Canned.serve(script) as provider,
        running_proxy(parts, tmp_path, provider.url) as running,
        client_of(running) as client,
    ):
        got = await client.post("/v1/messages", content=message())
    assert len(provider.requests) == calls
    assert got.status_code == (200 if calls == 2 else 529)
