"""Clients of a soak, each a loop until the end; what they meet is counted."""

import asyncio
import random
import secrets
from collections import Counter
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from harness.soak.requests import bomb, good_body, good_headers, odd_request

BURST = 500
_REFUSALS = frozenset((529,))
_PAUSE_SECONDS = 0.4
_HALF_OPEN = 200
_HALF_OPEN_SECONDS = 45.0
_SLOW_BYTES = 2_048
_SLOW_SECONDS = 0.05
_END = b"event: message_stop"


class Visitors:
    """``counts``: what became of requests, by kind of visitor; ``problems``: what should not be."""

    def __init__(self, url: str, seed: int, end: asyncio.Event) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._url = url
        self._dice = random.Random(seed)
        self._end = end
        self._bomb = bomb()
        self._http = httpx.AsyncClient(
            base_url=url,
            trust_env=False,
            timeout=httpx.Timeout(300, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=50),
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def steady(self) -> None:
        """Answers are whole, and come in time."""
        while not await self._over(_PAUSE_SECONDS):
            await self._whole("steady", padding=self._dice.choice((0, 50, 5_000)))

    async def slow(self) -> None:
        """Reads a few kilobytes at a time, for minutes, or leaves in the midst of it."""
        while not await self._over(_PAUSE_SECONDS):
            await self._whole("slow", pause=_SLOW_SECONDS, most=self._dice.randint(10, 2_000))

    async def hang_up(self) -> None:
        """Leaves after a chunk or two."""
        while not await self._over(_PAUSE_SECONDS):
            await self._whole("hang-up", most=self._dice.randint(0, 2))

    async def odd(self) -> None:
        """Sends what no client should. The answer is the provider's, or a 4xx of ours."""
        while not await self._over(_PAUSE_SECONDS / 4):
            content, headers = odd_request(self._dice)
            await self._expect_no_bug("odd", content, headers)

    async def bombs(self) -> None:
        """Small bodies that become large ones."""
        while not await self._over(5.0):
            headers = good_headers("bomb", **{"content-encoding": "gzip"})
            await self._expect_no_bug("bomb", self._bomb, headers)

    async def half_open(self) -> None:
        """Connections that begin a request and send no more of it, or nothing at all."""
        while not self._end.is_set():
            beginnings = (b"", b"POST /v1/mess", b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-a: ")
            opened = [await self._open(self._dice.choice(beginnings)) for _ in range(_HALF_OPEN)]
            await self._over(_HALF_OPEN_SECONDS)
            for writer in filter(None, opened):
                writer.close()

    async def bursts(self) -> None:
        """Hundreds at once: all are answered, late, or told at once when to come again."""
        while not await self._over(self._dice.uniform(30, 60)):
            async with asyncio.TaskGroup() as group:
                for _ in range(BURST):
                    group.create_task(self._whole("burst"))

    async def _whole(
        self, kind: str, *, padding: int = 0, pause: float = 0, most: int | None = None
    ) -> None:
        """One stream: read to its end, or up to ``most`` chunks."""
        body = good_body(secrets.token_hex(8), padding=padding)
        headers = good_headers(secrets.token_hex(8))
        tail, read = b"", 0
        try:
            async with self._http.stream(
                "POST", "/v1/messages", content=body, headers=headers
            ) as answer:
                if answer.status_code != 200:
                    self._refused(kind, answer)
                    return
                async for chunk in answer.aiter_bytes(_SLOW_BYTES if pause else None):
                    tail, read = (tail + chunk)[-512:], read + 1
                    if (most is not None and read > most) or (self._end.is_set() and pause):
                        self.counts[f"{kind} left"] += 1
                        return
                    await asyncio.sleep(pause)
        except httpx.HTTPError as error:
            self._problem(f"{kind}: {type(error).__name__}: {error}")
            return
        if _END in tail:
            self.counts[f"{kind} whole"] += 1
        else:
            self._problem(f"{kind}: an answer without its end: {tail[-200:]!r}")

    def _refused(self, kind: str, answer: httpx.Response) -> None:
        if answer.status_code in _REFUSALS and answer.headers.get("retry-after"):
            self.counts[f"{kind} told to come again"] += 1
        else:
            self._problem(f"{kind}: status {answer.status_code}")

    async def _expect_no_bug(self, kind: str, content: bytes, headers: dict[str, str]) -> None:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        try:
            answer = await self._http.post("/v1/messages", content=content, headers=raw)
        except httpx.HTTPError as error:
            self._problem(f"{kind}: {type(error).__name__}: {error}")
            return
        self.counts[f"{kind} {answer.status_code}"] += 1
        if answer.status_code >= 500 and answer.status_code not in _REFUSALS:
            self._problem(f"{kind}: status {answer.status_code} for {content[:80]!r}")

    async def _open(self, beginning: bytes) -> asyncio.StreamWriter | None:
        parts = urlsplit(self._url)
        with suppress(OSError):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.write(beginning)
            self.counts["half-open"] += 1
            return writer
        return None

    async def _over(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._end.wait()
        return self._end.is_set()

    def _problem(self, what: str) -> None:
        if not self._end.is_set():
            self.problems.append(what)
