"""The Messages API: endpoints, authentication, and an answer that keeps the books."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from harness.simulator import models
from harness.simulator.answers import (
    complete,
    message,
    stop_reason,
    truncated,
)
from harness.simulator.cache import PromptCache
from harness.simulator.events import stream
from harness.simulator.log import Call
from harness.simulator.problem import Problem, invalid
from harness.simulator.request import Judged, judge, judge_count
from harness.simulator.rules_fields import BINDING_BETA
from harness.simulator.script import Script
from harness.simulator.seal import Seal
from harness.simulator.shape import Obj
from harness.simulator.tokens import Tokens
from harness.simulator.view import View, decode, view

VERSIONS = ("2023-01-01", "2023-06-01", "2026-10-21")


@dataclass
class Answer:
    """A JSON document, or a message to be streamed."""

    document: bytes = b""
    message: Obj | None = None

    def events(self, delta_chars: int) -> tuple[list[bytes], int]:
        """The events of the stream, and the index of the first content delta."""
        return stream(self.message or {}, delta_chars=delta_chars)


class Api:
    """Judges requests and answers them. ``window`` and ``validates_sum`` override the model's."""

    def __init__(self, *, script: Script, clock: Callable[[], float]) -> None:
        self.script = script
        self.cache = PromptCache(clock)
        self.tokens = Tokens()
        self.seal = Seal()
        self.window: int | None = None
        self.validates_sum: bool | None = None

    async def answer(self, call: Call, body: bytes, *, text_chars: int) -> Answer:
        """The answer to a call; raises `Problem`."""
        path = call.path.partition("?")[0]
        if call.method == "HEAD" and path in ("/", "/api/hello"):
            return Answer(b"")
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in call.headers}
        authenticate(headers)
        if path == "/v1/messages":
            expect(call, "POST")
            return await self._message(call, body, headers, text_chars)
        if path == "/v1/messages/count_tokens":
            expect(call, "POST")
            return self._count(call, body, headers)
        if path == "/v1/models" or path.startswith("/v1/models/"):
            expect(call, "GET")
            return listing(path)
        raise Problem(404, "Not found")

    def _model(self, asked: View) -> models.Model:
        model = models.find(asked.model)
        if model is None:
            raise Problem(404, f"model: {asked.model}")
        return model

    def _count(self, call: Call, body: bytes, headers: dict[str, str]) -> Answer:
        asked = view(decode(body), headers, call.number)
        counted = judge_count(asked, self.seal)
        sizes = self.tokens.request(counted, self._model(asked).ratio)
        return Answer(msgspec.json.encode({"input_tokens": sizes.total}))

    async def _message(
        self, call: Call, body: bytes, headers: dict[str, str], text_chars: int
    ) -> Answer:
        asked = view(decode(body), headers, call.number)
        judged = judge(
            asked,
            tokens=self.tokens,
            seal=self.seal,
            window=self.window,
            validates_sum=self.validates_sum,
        )
        plan = self.cache.plan(judged.pieces, asked.key, judged.model)
        content = await self.script.content(asked, text_chars=text_chars)
        content = complete(with_thinking(content, asked), asked, judged.binder)
        ratio = judged.model.ratio
        kept, cut = truncated(
            content, judged.max_tokens, lambda block: self.tokens.block(block, ratio)
        )
        usage: Obj = {
            **plan.usage(),
            "output_tokens": judged.max_tokens if cut else self.tokens.blocks(kept, ratio),
            "service_tier": "standard",
            **server_tools(kept),
        }
        self.cache.commit(plan)
        stop = "max_tokens" if cut else stop_reason(kept)
        made = message(asked.model, kept, stop, usage, **extras(asked, judged))
        call.facts |= {
            "model": asked.model,
            "step": asked.step,
            "side_call": asked.side_call,
            "usage": usage,
            "stop_reason": stop,
            "dropped": judged.dropped,
        }
        if asked.streaming:
            return Answer(message=made)
        return Answer(msgspec.json.encode(made))


def with_thinking(content: list[Obj], asked: View) -> list[Obj]:
    """With ``thinking.type: enabled`` an answer begins with thinking, as the API's does."""
    if asked.thinking.get("type") != "enabled":
        return content
    if content and content[0]["type"] in ("thinking", "redacted_thinking"):
        return content
    return [{"type": "thinking", "thinking": "Let me think about this."}, *content]


def extras(asked: View, judged: Judged) -> Obj:
    """The fields of a message that depend on beta headers."""
    more: Obj = {}
    if "context_management" in asked.body:
        more["context_management"] = {"applied_edits": []}
    if BINDING_BETA in asked.betas:
        more["input_transformations"] = judged.dropped
    return more


def server_tools(content: list[Obj]) -> Obj:
    """The ``server_tool_use`` part of the usage."""
    searches = sum(b["type"] == "server_tool_use" for b in content)
    if not searches:
        return {}
    return {"server_tool_use": {"web_search_requests": searches, "web_fetch_requests": 0}}


def authenticate(headers: dict[str, str]) -> None:
    """A key or a bearer token, and the API's version."""
    bearer = headers.get("authorization", "")
    if not headers.get("x-api-key") and not bearer:
        raise Problem(401, "x-api-key header is required")
    if bearer and not headers.get("x-api-key") and not bearer.startswith("Bearer "):
        raise Problem(401, "Invalid bearer token")
    if "anthropic-version" not in headers:
        raise invalid("anthropic-version: header is required")
    version = headers["anthropic-version"]
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version}" is not a valid version')


def expect(call: Call, method: str) -> None:
    """405 for another method."""
    if call.method != method:
        raise Problem(405, "Method Not Allowed")


def listing(path: str) -> Answer:
    """``GET /v1/models`` and ``/v1/models/{id}``."""
    name = path.removeprefix("/v1/models").strip("/")
    if not name:
        data = models.listed()
        page = {
            "data": data,
            "has_more": False,
            "first_id": data[0]["id"],
            "last_id": data[-1]["id"],
        }
        return Answer(msgspec.json.encode(page))
    if models.find(name) is None:
        raise Problem(404, f"model: {name}")
    return Answer(msgspec.json.encode(models.card(name)))
