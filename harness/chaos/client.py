"""A client that sends again as Claude Code does: the identical body and session id on a new
connection, a bounded number of times."""

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from harness.chaos.client_request import ClientHabit, ClientRequest

MOST_SENDINGS = 10
LONGEST_PAUSE = 4.0
_RETRIED = frozenset((408, 409, 429, 500, 502, 503, 504, 529))


@dataclass(slots=True)
class Sending:
    """One sending of an request, and what came back. Times are seconds since the epoch."""

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
    """Carries out requests, each sending to one of ``urls``; ``sendings`` lists them all."""

    def __init__(self, urls: Sequence[str], seed: int) -> None:
        self._urls = [f"{url}/v1/messages" for url in urls]
        self._dice = random.Random(f"{seed}/client")
        self._http = httpx.AsyncClient(
            trust_env=False, verify=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self.sendings: list[Sending] = []

    async def close(self) -> None:
        await self._http.aclose()

    async def carry_out(self, request: ClientRequest) -> None:
        """Send until a whole answer, a final refusal, a leave for good or ``MOST_SENDINGS``."""
        stays = request.habit is ClientHabit.STAYS
        for number in range(MOST_SENDINGS):
            sending = await self._send(request, None if stays else request.leave_after)
            if (
                sending.whole
                or _is_final(sending)
                or (sending.left and request.habit is ClientHabit.LEAVES)
            ):
                return
            stays = stays or sending.left
            pause = request.away if sending.left else min(0.5 * 2**number, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _send(self, request: ClientRequest, leave_after: float | None) -> Sending:
        sending = Sending(request.hash, time.time())
        self.sendings.append(sending)
        try:
            async with asyncio.timeout(leave_after):
                await self._read(request, sending)
        except TimeoutError:
            sending.left = True
        except httpx.HTTPError as error:
            sending.error = f"{type(error).__name__}: {error}"
        sending.ended_at = time.time()
        return sending

    async def _read(self, request: ClientRequest, sending: Sending) -> None:
        timeout = httpx.Timeout(request.read_timeout, connect=3)
        async with self._http.stream(
            "POST",
            self._dice.choice(self._urls),
            content=request.body,
            headers=request.headers,
            timeout=timeout,
        ) as response:
            sending.status = response.status_code
            sending.request_id = response.headers.get("x-palimpsest-request-id")
            async for chunk in response.aiter_raw():
                sending.content += chunk
        finished = not request.stream or b"event: message_stop\n" in sending.content
        sending.whole = sending.status == 200 and finished


def _is_final(sending: Sending) -> bool:
    return sending.status is not None and sending.status >= 400 and sending.status not in _RETRIED
