"""A client that sends again as Claude Code does: the identical body and session id on a new
connection, a bounded number of times."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from harness.chaos.ask import Ask

MOST_TRIES = 10
LONGEST_PAUSE = 4.0
_RETRIED = frozenset((408, 409, 429, 500, 502, 503, 504, 529))


@dataclass(slots=True)
class Try:
    """One sending of an ask, and what came back. Times are seconds since the epoch."""

    hash: str
    at: float
    request_id: str | None = None
    status: int | None = None
    content: bytearray = field(default_factory=bytearray)
    whole: bool = False
    left: bool = False
    error: str | None = None
    ended_at: float = 0.0


class Client:
    """Carries out asks, each sending at one of ``urls``; ``tries`` has all it did."""

    def __init__(self, urls: Sequence[str], seed: int) -> None:
        self._urls = [f"{url}/v1/messages" for url in urls]
        self._dice = random.Random(f"{seed}/client")
        self._http = httpx.AsyncClient(
            trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self.tries: list[Try] = []

    async def close(self) -> None:
        await self._http.aclose()

    async def carry_out(self, ask: Ask) -> None:
        """Until it has a whole answer, a final refusal, has left for good or has had enough."""
        stays = ask.habit == "stays"
        for number in range(MOST_TRIES):
            made = await self._send(ask, None if stays else ask.leave_after)
            if made.whole or _is_final(made) or (made.left and ask.habit == "leaves"):
                return
            stays = stays or made.left
            pause = ask.away if made.left else min(0.5 * 2**number, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _send(self, ask: Ask, leave_after: float | None) -> Try:
        made = Try(ask.hash, time.time())
        self.tries.append(made)
        try:
            async with asyncio.timeout(leave_after):
                await self._read(ask, made)
        except TimeoutError:
            made.left = True
        except httpx.HTTPError as error:
            made.error = f"{type(error).__name__}: {error}"
        made.ended_at = time.time()
        return made

    async def _read(self, ask: Ask, made: Try) -> None:
        timeout = httpx.Timeout(ask.patience, connect=3)
        async with self._http.stream(
            "POST",
            self._dice.choice(self._urls),
            content=ask.body,
            headers=ask.headers,
            timeout=timeout,
        ) as response:
            made.status = response.status_code
            made.request_id = response.headers.get("x-palimpsest-request-id")
            async for chunk in response.aiter_raw():
                made.content += chunk
        told = not ask.stream or b"event: message_stop\n" in made.content
        made.whole = made.status == 200 and told


def _is_final(made: Try) -> bool:
    return made.status is not None and made.status >= 400 and made.status not in _RETRIED
