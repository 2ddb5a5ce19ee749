"""A person at work in a project, through a running proxy: turns, and calls with their outputs."""

import secrets
from typing import Any

import httpx
import msgspec

from harness.simulator import Simulator, View
from harness.simulator.content import text
from harness.simulator.shape import Obj
from palimpsest.dialects.anthropic.answer_message import answer_message

INTELLIGENCE = "x-palimpsest-intelligence"
TAG = "<palimpsest-memory>"
MODEL = "claude-sonnet-4-5"
_TOOLS = [{"name": "Bash", "description": "Run it.", "input_schema": {"type": "object"}}]


class Talk:
    """One conversation; ``project`` is told as Claude Code tells it."""

    def __init__(self, upstream: Simulator, project: str, **headers: str) -> None:
        self.messages: list[Obj] = []
        self.max_tokens = 1_000
        self.streams = False
        self._upstream = upstream
        self._system = f"Environment\n - Primary working directory: {project}\n - Shell: bash"
        self._calls = 0
        self._headers = {
            "x-api-key": "sk-ant-test",
            "anthropic-version": "2023-06-01",
            "x-claude-code-session-id": secrets.token_hex(8),
            **headers,
        }
        if "authorization" in self._headers:
            del self._headers["x-api-key"]

    def take_token(self, header: dict[str, str]) -> None:
        """Go on with another OAuth token."""
        self._headers.update(header)

    async def says(self, url: str, words: str, answer: str = "Very well.") -> httpx.Response:
        """A turn of the person."""
        self.messages.append({"role": "user", "content": words})
        return await self._send(url, [text(answer)])

    async def calls(self, url: str, command: str, output: str, *, failed: bool = False) -> None:
        """The model calls a tool in answer to what stands last, and hears its output."""
        self._calls += 1
        use = f"toolu_{self._calls}"
        block = {"type": "tool_use", "id": use, "name": "Bash", "input": {"command": command}}
        await self._send(url, [block])
        result: Obj = {"type": "tool_result", "tool_use_id": use, "content": output}
        if failed:
            result["is_error"] = True
        self.messages.append({"role": "user", "content": [result]})

    def asks(self, words: str) -> None:
        """The person's words, with nothing sent yet."""
        self.messages.append({"role": "user", "content": words})

    async def concludes(self, url: str, answer: str = "Done.") -> httpx.Response:
        return await self._send(url, [text(answer)])

    async def counts(self, url: str) -> None:
        """Ask how large the messages are by themselves."""
        body = {"model": MODEL, "messages": self.messages}
        async with httpx.AsyncClient(timeout=60) as client:
            path = f"{url}/v1/messages/count_tokens"
            answer = await client.post(
                path, content=msgspec.json.encode(body), headers=self._headers
            )
        assert answer.status_code == 200, answer.text

    def forwarded(self) -> list[str]:
        """The messages of the newest request, as the provider got them."""
        sent: dict[str, Any] = self._upstream.log[-1].json()
        return [msgspec.json.encode(message).decode() for message in sent["messages"]]

    async def _send(self, url: str, content: list[Obj]) -> httpx.Response:
        def answer(view: View) -> list[Obj]:
            return content

        self._upstream.script.generator = answer
        body = msgspec.json.encode(
            {
                "model": MODEL,
                "max_tokens": self.max_tokens,
                "system": [text(self._system)],
                "tools": _TOOLS,
                "messages": self.messages,
                **({"stream": True} if self.streams else {}),
            }
        )
        async with httpx.AsyncClient(timeout=60) as client:
            sent = await client.post(f"{url}/v1/messages", content=body, headers=self._headers)
        assert sent.status_code == 200, sent.text
        message = answer_message(sent.content, sent.headers["content-type"])
        assert message is not None
        self.messages.append(msgspec.json.decode(message))
        return sent
