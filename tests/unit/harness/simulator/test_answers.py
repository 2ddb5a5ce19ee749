"""What the simulator says over a real socket: every kind of block and event, scripts, usage."""

from typing import Any

import anthropic
import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.simulator import Simulator, View
from harness.simulator.ask import (
    HEADERS,
    MODEL,
    assistant,
    request,
    result,
    user,
)
from harness.simulator.content import (
    cited,
    redacted,
    text,
    thinking,
    tool,
    web_search,
)
from harness.simulator.events import stream
from harness.simulator.shape import Obj

EVERYTHING = [
    [
        thinking("Let me see what there is."),
        redacted(),
        text("I look it up."),
        *web_search("cats", "One", "Two"),
        cited("Cats purr.", "purr"),
        tool("Bash", command="ls -l", lines=[1, 2]),
        tool("Bash"),
    ]
]


def client(sim: Simulator) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key="sk-test", base_url=sim.url, max_retries=0)


def events(raw: bytes) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for part in raw.decode().strip().split("\n\n"):
        name, data = part.split("\n")
        found.append((name.removeprefix("event: "), msgspec.json.decode(data[len("data: ") :])))
    return found


async def post(sim: Simulator, body: Obj, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient() as http:
        url = f"{sim.url}/v1/messages?beta=true"
        return await http.post(url, json=body, headers={**HEADERS, **headers})


async def test_the_sdk_reads_every_kind_of_block() -> None:
    async with Simulator.serve(script=EVERYTHING) as sim:
        async with (
            client(sim) as sdk,
            sdk.messages.stream(
                model=MODEL,
                max_tokens=4000,
                messages=[{"role": "user", "content": "hi"}],
                tools=[{"name": "Bash", "input_schema": {"type": "object"}}],
            ) as streamed,
        ):
            message = await streamed.get_final_message()
        assert [block.type for block in message.content] == [
            "thinking",
            "redacted_thinking",
            "text",
            "server_tool_use",
            "web_search_tool_result",
            "text",
            "tool_use",
            "tool_use",
        ]
        assert (message.model, message.stop_reason) == (MODEL, "tool_use")
        call = message.content[6]
        assert call.type == "tool_use"
        assert call.input == {"command": "ls -l", "lines": [1, 2]}
        quote = message.content[5]
        assert quote.type == "text"
        assert quote.citations is not None
        assert quote.citations[0].cited_text == "purr"
        assert message.usage.server_tool_use is not None
        assert message.usage.server_tool_use.web_search_requests == 1
        assert message.usage.output_tokens == sim.log[0].facts["usage"]["output_tokens"]


async def test_the_stream_has_every_event_in_order_with_its_event_line() -> None:
    async with Simulator.serve(script=EVERYTHING) as sim:
        answer = await post(sim, request(user("hi"), stream=True))
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert sim.log[0].answer == answer.content
        assert sim.log[0].path == "/v1/messages?beta=true"
        found = events(answer.content)
    assert all(name == data["type"] for name, data in found)
    names = [name for name, _ in found]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-2:] == ["message_delta", "message_stop"]
    deltas = {data["delta"]["type"] for name, data in found if name == "content_block_delta"}
    assert deltas == {
        "text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta",
    }  # fmt: skip
    assert found[0][1]["message"]["model"] == MODEL
    assert found[0][1]["message"]["stop_reason"] is None
    assert found[-2][1]["delta"] == {"stop_reason": "tool_use", "stop_sequence": None}


async def test_headers_of_an_answer() -> None:
    async with Simulator.serve() as sim:
        answer = await post(sim, request(user("hi")))
    assert answer.headers["request-id"] == sim.log[0].request_id
    for kind in ("requests", "input-tokens", "output-tokens"):
        for part in ("limit", "remaining", "reset"):
            assert f"anthropic-ratelimit-{kind}-{part}" in answer.headers
    assert "server" not in answer.headers


async def test_a_script_leads_an_agent_through_its_steps() -> None:
    steps = [[thinking(), tool("Bash", command="1")], [tool("Bash", command="2")], [text("Done.")]]
    async with Simulator.serve(script=steps) as sim:
        messages: list[Obj] = [user("go")]
        for _ in range(2):
            answer = (await post(sim, request(*messages))).json()
            assert answer["stop_reason"] == "tool_use"
            messages.append(assistant(*answer["content"]))
            messages.append(user(result(answer["content"][-1]["id"])))
        last = (await post(sim, request(*messages))).json()
        assert (last["stop_reason"], last["content"]) == ("end_turn", [text("Done.")])
        again = [*messages, assistant(*last["content"]), user("once more")]
        assert (await post(sim, request(*again))).json()["stop_reason"] == "tool_use"
        assert [call.facts["step"] for call in sim.log] == [0, 1, 2, 0]


async def test_the_step_survives_a_proxy_that_dropped_earlier_exchanges() -> None:
    steps = [[tool("Bash", command=str(n))] for n in range(3)]
    async with Simulator.serve(script=steps) as sim:
        messages: list[Obj] = [user("go")]
        for _ in range(2):
            answer = (await post(sim, request(*messages))).json()
            messages += [
                assistant(*answer["content"]),
                user(result(answer["content"][-1]["id"])),
            ]
        await post(sim, request(messages[0], *messages[3:]))
        assert sim.log[-1].facts["step"] == 2


async def test_a_side_call_does_not_get_the_script() -> None:
    async with Simulator.serve(script=EVERYTHING) as sim:
        bare = request(user("title?"))
        del bare["tools"]
        assert (await post(sim, bare)).json()["stop_reason"] == "end_turn"
        schema = {"type": "object", "properties": {"title": {"type": "string"}}}
        wanted = {"format": {"type": "json_schema", "schema": schema}}
        answer = (await post(sim, request(user("title?"), output_config=wanted))).json()
        told = msgspec.json.decode(answer["content"][0]["text"], type=dict[str, Any])
        assert told == {"title": "simulated"}


async def test_a_generator_sees_the_request() -> None:
    def echo(asked: View) -> list[Obj]:
        return [text(f"{asked.number} {asked.turn} {asked.last_text} {asked.tools}")]

    async with Simulator.serve() as sim:
        sim.script.generator = echo
        answer = (await post(sim, request(user("hi")))).json()
    assert answer["content"][0]["text"] == "1 1 hi ['Bash']"


async def test_usage_tells_of_the_cache() -> None:
    marked = {"type": "text", "text": "word " * 2000, "cache_control": {"type": "ephemeral"}}
    async with Simulator.serve() as sim:
        first = (await post(sim, request(user(marked)))).json()["usage"]
        second = (await post(sim, request(user(marked), user("more")))).json()["usage"]
    assert first["cache_creation_input_tokens"] > 2000
    assert first["cache_creation"]["ephemeral_5m_input_tokens"] > 2000
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"]
    assert 0 < second["input_tokens"] < 20


async def test_max_tokens_cuts_the_answer() -> None:
    async with Simulator.serve(script=[[text("word " * 100)]]) as sim:
        answer = (await post(sim, request(user("hi"), max_tokens=10))).json()
    assert answer["stop_reason"] == "max_tokens"
    assert answer["usage"]["output_tokens"] == 10


async def test_the_window_of_a_serve_is_that_of_every_model() -> None:
    async with Simulator.serve(window=100) as sim:
        answer = await post(sim, request(user("word " * 200)))
    assert answer.status_code == 400
    assert "tokens > 100 maximum" in answer.json()["error"]["message"]


async def test_counting_agrees_with_the_usage() -> None:
    async with Simulator.serve() as sim, client(sim) as sdk:
        counted = await sdk.messages.count_tokens(
            model=MODEL, messages=[{"role": "user", "content": "hello there"}]
        )
        body = request(user("hello there"), tools=[])
        usage = (await post(sim, body)).json()["usage"]
    assert counted.input_tokens == usage["input_tokens"]


async def test_models_are_listed_and_found() -> None:
    async with Simulator.serve() as sim, client(sim) as sdk:
        names = [model.id async for model in sdk.models.list(limit=1000)]
        assert MODEL in names
        assert (await sdk.models.retrieve(MODEL)).id == MODEL
        with pytest.raises(anthropic.NotFoundError):
            await sdk.models.retrieve("claude-nope")


async def test_probes_need_no_key() -> None:
    async with Simulator.serve() as sim, httpx.AsyncClient(base_url=sim.url) as http:
        assert (await http.head("/")).status_code == 200
        assert (await http.head("/api/hello")).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({"anthropic-version": "2023-06-01"}, 401, "authentication_error"),
        ({"x-api-key": "k"}, 400, "invalid_request_error"),
        ({"x-api-key": "k", "anthropic-version": "1999"}, 400, "invalid_request_error"),
    ],
)
async def test_an_error_has_the_apis_shape(headers: Obj, status: int, kind: str) -> None:
    async with Simulator.serve() as sim, httpx.AsyncClient(base_url=sim.url) as http:
        answer = await http.post("/v1/messages", json=request(user("hi")), headers=headers)
        assert answer.status_code == status
        error = answer.json()
        assert (error["type"], error["error"]["type"]) == ("error", kind)
        assert error["request_id"] == answer.headers["request-id"] == sim.log[0].request_id


async def test_a_bearer_token_is_accepted() -> None:
    async with Simulator.serve() as sim, httpx.AsyncClient(base_url=sim.url) as http:
        headers = {"authorization": "Bearer oauth", "anthropic-version": "2023-06-01"}
        answer = await http.post("/v1/messages", json=request(user("hi")), headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b'{"model":"claude-opus-5-5"}'])
async def test_a_body_that_is_no_request_is_400(body: bytes) -> None:
    async with Simulator.serve() as sim, httpx.AsyncClient(base_url=sim.url) as http:
        answer = await http.post("/v1/messages", content=body, headers=HEADERS)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_log_keeps_headers_and_bodies_as_received() -> None:
    body_end = b'"messages":[{"role":"user","content":"x"}]}'
    async with Simulator.serve() as sim, httpx.AsyncClient(base_url=sim.url) as http:
        body = b' { "model":"claude-opus-5-5" ,"max_tokens":5,' + body_end
        headers = [(k, v) for k, v in HEADERS.items()] + [("X-Odd-Case", "1"), ("X-Odd-Case", "2")]
        answer = await http.post("/v1/messages?a=b%20c", content=body, headers=headers)
        call = sim.log[0]
        assert (call.body, call.path) == (body, "/v1/messages?a=b%20c")
        assert [h for h in call.headers if h[0] == b"X-Odd-Case"] == [
            (b"X-Odd-Case", b"1"),
            (b"X-Odd-Case", b"2"),
        ]
        assert (call.status, call.ended, bytes(call.answer)) == (200, "complete", answer.content)


def signed(words: str) -> Obj:
    return {**thinking(words), "signature": "sig"}


def called(arguments: Obj) -> Obj:
    return {"type": "tool_use", "id": "t", "name": "Bash", "input": arguments}


BLOCKS = st.lists(
    st.one_of(
        st.text(min_size=1).map(text),
        st.text().map(signed),
        st.dictionaries(st.text(max_size=5), st.text(), max_size=3).map(called),
    ),
    min_size=1,
    max_size=5,
)


@given(BLOCKS, st.integers(1, 30))
def test_a_stream_adds_up_to_its_message(blocks: list[Obj], size: int) -> None:
    usage = {"input_tokens": 1, "output_tokens": 7}
    message: Obj = {
        "model": MODEL, "id": "msg_1", "type": "message", "role": "assistant", "content": blocks,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    pieces, first = stream(message, delta_chars=size)
    found = events(b"".join(pieces))
    rebuilt: list[Obj] = []
    for name, data in found:
        if name == "content_block_start":
            rebuilt.append({**data["content_block"], "json": ""})
        elif name == "content_block_delta":
            delta: Obj = data["delta"]
            block = rebuilt[int(data["index"])]
            for field in ("text", "thinking", "signature"):
                if field in delta:
                    block[field] += delta[field]
            block["json"] += delta.get("partial_json", "")
    for block in rebuilt:
        written = block.pop("json")
        if block["type"] == "tool_use" and written:
            block["input"] = msgspec.json.decode(written)
    assert rebuilt == blocks
    assert found[first][0] == "content_block_delta"
