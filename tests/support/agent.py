"""An agent of one conversation, whose history grows with every step, against a running proxy."""

import random
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from harness.simulator import Simulator, View, models
from harness.simulator.content import text, thinking, tool
from harness.simulator.shape import Obj

CAP = 12_000
SETTINGS: dict[str, Any] = {"context_cap": CAP, "context_keep": 2, "coalesce": "never"}
"""A proxy under which a conversation needs its first epoch after a dozen steps."""
CONTEXT = "x-palimpsest-context"
_HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}
_TOOLS = [
    {"name": name, "description": f"{name} it.", "input_schema": {"type": "object"}}
    for name in ("Read", "Bash")
]
_STEPS = 10
_OUTPUT = 2_500
_WORDS = ["queue", "worker", "lease", "socket", "header", "ledger", "prefix", "window", "budget"]


@dataclass
class Step:
    """One request as it was sent, what the provider got of it, and the answer."""

    sent: bytes = field(repr=False)
    forwarded: bytes = field(repr=False)
    answer: httpx.Response

    @property
    def context(self) -> str:
        return self.answer.headers[CONTEXT]

    @property
    def epoch(self) -> int:
        """0 without one."""
        said = re.search(r"epoch=(\d+)", self.context)
        return int(said[1]) if said else 0


class Agent:
    """What it says is the same each time, but for its name: no two agents have a history in
    common. It speaks through whatever proxy it is given, one step at a time."""

    def __init__(self, upstream: Simulator, model: str = "claude-opus-5-5") -> None:
        known = models.find(model)
        assert known is not None
        self.upstream = upstream
        self.name = secrets.token_hex(8)
        self.messages: list[Obj] = []
        self.steps: list[Step] = []
        self.headers = {**_HEADERS, "x-claude-code-session-id": self.name}
        self._random = random.Random(1)
        self._fields: Obj = {
            "model": model,
            "max_tokens": 4_000,
            "system": [text("Be brief.")],
            "tools": _TOOLS,
            "thinking": (
                {"type": "adaptive"}
                if known.preserved
                else {"type": "enabled", "budget_tokens": 2_000}
            ),
        }
        self._ask()

    def body(self) -> bytes:
        """What it sends next."""
        return msgspec.json.encode({**self._fields, "messages": self.messages})

    async def step(self, url: str, **headers: str) -> Step:
        """Send the history, hear the answer, carry out its calls."""
        self.upstream.script.generator = self._think
        sent, before = self.body(), len(self.upstream.log.messages)
        answer = await post(url, sent, {**self.headers, **_ours(headers)})
        assert answer.status_code == 200, answer.text
        calls = self.upstream.log.messages[before:]
        [call] = [call for call in calls if call.json()["model"] == self._fields["model"]]
        if url == self.upstream.url:
            answer.headers[CONTEXT] = "direct"
        self.steps.append(Step(sent, call.body, answer))
        self._hear(msgspec.json.decode(answer.content)["content"])
        return self.steps[-1]

    async def until_epoch(self, url: str, number: int = 1, **headers: str) -> Step:
        """Step until that epoch has begun."""
        while True:
            step = await self.step(url, **headers)
            if step.epoch >= number:
                return step

    async def until_bytes(self, url: str, size: int, **headers: str) -> None:
        """Step until what it sends has that many bytes."""
        while len(self.body()) < size:
            await self.step(url, **headers)

    def _ask(self) -> None:
        words = f"I am {self.name}. Now {self._sentence(20)}"
        self.messages.append({"role": "user", "content": words})

    def _hear(self, content: list[Obj]) -> None:
        self.messages.append({"role": "assistant", "content": content})
        calls = [block for block in content if block["type"] == "tool_use"]
        if not calls:
            self._ask()
            return
        results = [
            {"type": "tool_result", "tool_use_id": call["id"], "content": self._output()}
            for call in calls
        ]
        self.messages.append({"role": "user", "content": results})

    def _think(self, view: View) -> list[Obj]:
        thought = thinking(self._sentence(30))
        if view.step % _STEPS == _STEPS - 1:
            return [thought, text(self._sentence(20))]
        path = f"/srv/{self._random.choice(_WORDS)}/{self._random.randrange(1000)}.py"
        calls = [tool("Read", file_path=path), tool("Bash", command=f"pytest {path}")]
        return [thought, *calls[: self._random.randrange(1, 3)]]

    def _output(self) -> str:
        lines = [
            f"{n:04} {self._sentence(6)} job={self._random.getrandbits(32):08x}" for n in range(40)
        ]
        return "\n".join(lines)[:_OUTPUT]

    def _sentence(self, words: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=words)) + "."


async def post(url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as client:
        return await client.post("/v1/messages?beta=true", content=body, headers=headers)


def _ours(headers: dict[str, str]) -> dict[str, str]:
    """``context_cap`` is `x-palimpsest-context-cap`."""
    return {f"x-palimpsest-{name.replace('_', '-')}": value for name, value in headers.items()}
