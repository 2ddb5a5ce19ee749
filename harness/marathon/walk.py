"""Lets an endless conversation grow through the proxy, and watches every turn of it."""

import re
import secrets
import statistics
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import count

import httpx
import msgspec

from harness.marathon.client import Client
from harness.marathon.prefix import kept, prompt
from harness.marathon.talk import TURN, Talk
from harness.simulator import Call, Simulator, models

_EPOCH = re.compile(r"epoch=(\d+)")


@dataclass(frozen=True)
class Turn:
    """``client`` and ``forwarded`` are tokens of the prompt; ``kept`` the share of the former
    forwarded prompt that this one begins with; ``dropped`` how many thinking blocks the
    provider left out; ``added_ms`` how much later the first byte came than from the provider."""

    request_id: str
    client: int
    forwarded: int
    kept: float
    epoch: int
    dropped: int
    added_ms: float


@dataclass(frozen=True)
class Course:
    """What became of a conversation."""

    turns: list[Turn]

    @property
    def stability(self) -> float:
        return statistics.fmean(turn.kept for turn in self.turns)

    @property
    def breaks(self) -> int:
        """Turns that did not begin with all of the one before."""
        return sum(turn.kept < 1 for turn in self.turns)

    @property
    def epochs(self) -> int:
        return max(turn.epoch for turn in self.turns)

    @property
    def peak(self) -> int:
        return max(turn.forwarded for turn in self.turns)

    def added_ms(self, tokens: int) -> float:
        """The median of the turns within 10 % of that size of the client's history."""
        return statistics.median(
            turn.added_ms for turn in self.turns if abs(turn.client - tokens) <= tokens / 10
        )


class Refused(Exception):
    """The provider or the proxy did not answer with a message; carries what it said."""


async def walk(
    url: str, upstream: Simulator, name: str, tokens: int, growth: float = 1
) -> AsyncGenerator[Turn]:
    """The turns of a conversation that grows to ``tokens``; raises `Refused`."""
    model = models.find(name)
    assert model is not None
    talk = Talk(name, growth)
    upstream.script.generator = talk.model
    client = Client(model, talk.system(), talk.tools(), secrets.token_hex(16))
    before: list[bytes] = []
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=120) as http:
        for step in count():
            if step % TURN == 0:
                client.say(talk.human())
            if model.system_role and (step % TURN == 0 or talk.reminds()):
                client.say(talk.reminder(), role="system")
            size = client.tokens
            upstream.log.reset()
            answer = await http.post(
                "/v1/messages?beta=true", content=client.body(), headers=client.headers
            )
            [call] = upstream.log.messages
            if answer.status_code != 200:
                raise Refused(f"turn {step} at {size} tokens: {answer.text[:500]}")
            now = prompt(call.body)
            yield await _turn(http, answer, call, size, kept(before, now) if before else 1.0)
            before = now
            content = msgspec.json.decode(answer.content)["content"]
            client.hear(content)
            if results := talk.results(content):
                client.say(*results)
            if size >= tokens:
                return


async def _turn(
    http: httpx.AsyncClient, answer: httpx.Response, call: Call, client: int, share: float
) -> Turn:
    request_id = answer.headers["x-palimpsest-request-id"]
    row = (await http.get(f"/v1/requests/{request_id}")).json()
    epoch = _EPOCH.search(answer.headers.get("x-palimpsest-context", ""))
    usage = call.facts["usage"]
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Turn(
        request_id=request_id,
        client=client,
        forwarded=sum(usage[kind] for kind in kinds),
        kept=share,
        epoch=int(epoch[1]) if epoch else 0,
        dropped=len(call.facts["dropped"]),
        added_ms=row["times"]["overhead_ms"],
    )
