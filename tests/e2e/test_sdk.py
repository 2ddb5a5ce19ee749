"""The anthropic SDK through the whole stack: what it is told is what the provider said."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator

import anthropic
import pytest
from anthropic.types import MessageParam, ThinkingConfigAdaptiveParam, ToolParam

from harness.simulator import Fault, Simulator
from harness.simulator.content import text, thinking, tool
from tests.support.supervisor import Up
from tests.support.tap import Tap
from tests.support.two_sides import assert_two_sides_agree

MODEL = "claude-sonnet-5-5"
ADAPTIVE: ThinkingConfigAdaptiveParam = {"type": "adaptive"}
TOOL: ToolParam = {
    "name": "weather",
    "description": "The weather of a city.",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
STEPS = [
    [thinking("Two cities."), tool("weather", city="Oslo"), tool("weather", city="Rome")],
    [thinking("Both known."), text("Rome is warmer.")],
]


@pytest.fixture
def blocking(tap: Tap) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=tap.url, api_key="sk-ant-e2e", max_retries=0) as client:
        yield client


@pytest.fixture
async def client(tap: Tap) -> AsyncGenerator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(
        base_url=tap.url, auth_token="sk-ant-oat01-e2e", max_retries=0
    ) as client:
        yield client


def results(message: anthropic.types.Message) -> list[MessageParam]:
    """The turn as the SDK's users append it, and the results of its tool calls."""
    calls = [block for block in message.content if block.type == "tool_use"]
    return [
        {"role": "assistant", "content": message.content},
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": call.id, "content": f"{index} degrees"}
                for index, call in enumerate(calls)
            ],
        },
    ]


def in_one_piece(client: anthropic.Anthropic) -> str:
    messages: list[MessageParam] = [{"role": "user", "content": "Oslo or Rome? In one piece."}]
    while True:
        answer = client.messages.create(
            model=MODEL, max_tokens=2000, thinking=ADAPTIVE, tools=[TOOL], messages=messages
        )
        if answer.stop_reason != "tool_use":
            return answer.content[-1].text if answer.content[-1].type == "text" else ""
        messages += results(answer)


def streamed(client: anthropic.Anthropic) -> str:
    messages: list[MessageParam] = [{"role": "user", "content": "Oslo or Rome? Streamed."}]
    while True:
        with client.messages.stream(
            model=MODEL, max_tokens=2000, thinking=ADAPTIVE, tools=[TOOL], messages=messages
        ) as stream:
            answer = stream.get_final_message()
        if answer.stop_reason != "tool_use":
            return stream.get_final_text()
        messages += results(answer)


@pytest.mark.parametrize("conversation", [in_one_piece, streamed])
async def test_blocking_tool_loop(
    conversation: Callable[[anthropic.Anthropic], str],
    blocking: anthropic.Anthropic,
    tap: Tap,
    up: Up,
    upstream: Simulator,
) -> None:
    upstream.script.set(STEPS)
    assert await asyncio.to_thread(conversation, blocking) == "Rome is warmer."
    rows = await assert_two_sides_agree(tap, upstream, up)
    assert [row["turn"] for row in rows] == [1, 2]


async def test_async_tool_loop(
    client: anthropic.AsyncAnthropic, tap: Tap, up: Up, upstream: Simulator
) -> None:
    """One turn streamed, the next one not: the thinking of the first is still valid."""
    upstream.script.set(STEPS)
    messages: list[MessageParam] = [{"role": "user", "content": "Oslo or Rome, async?"}]
    async with client.messages.stream(
        model=MODEL, max_tokens=2000, thinking=ADAPTIVE, tools=[TOOL], messages=messages
    ) as stream:
        kinds = [event.type async for event in stream]
        first = await stream.get_final_message()
    last = await client.messages.create(
        model=MODEL,
        max_tokens=2000,
        thinking=ADAPTIVE,
        tools=[TOOL],
        messages=[*messages, *results(first)],
    )
    assert {"thinking", "signature", "input_json", "message_stop"} <= set(kinds)
    assert last.content[-1].type == "text"
    rows = await assert_two_sides_agree(tap, upstream, up)
    assert [row["turn"] for row in rows] == [1, 2]
    assert rows[0]["tokens"]["output"] == first.usage.output_tokens


async def test_our_retries_spare_the_client_its_own(
    client: anthropic.AsyncAnthropic, upstream: Simulator
) -> None:
    upstream.faults.push(Fault("status", status=529), Fault("status", status=500))
    answer = await client.messages.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "retry"}]
    )
    assert answer.stop_reason == "end_turn"
    assert [call.status for call in upstream.log.messages] == [529, 500, 200]


async def test_an_error_is_the_providers_own(
    client: anthropic.AsyncAnthropic, upstream: Simulator
) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        await client.messages.create(
            model=MODEL, max_tokens=100, messages=[{"role": "assistant", "content": "no"}]
        )
    [call] = upstream.log.messages
    assert caught.value.response.content == bytes(call.answer)
    assert caught.value.request_id == call.request_id


async def test_the_clients_retries_come_on_top(up: Up, upstream: Simulator) -> None:
    """A provider that goes on refusing: the client gets its answer, and asks again by itself."""
    upstream.faults.push(Fault("status", status=529, times=5))
    async with anthropic.AsyncAnthropic(
        base_url=up.url, api_key="sk-ant-e2e", max_retries=1
    ) as client:
        answer = await client.messages.create(
            model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "busy"}]
        )
    assert answer.stop_reason == "end_turn"
    assert [call.status for call in upstream.log.messages] == [529] * 5 + [200]


async def test_counting_tokens_and_models_pass(
    client: anthropic.AsyncAnthropic, upstream: Simulator
) -> None:
    counted = await client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "how many"}]
    )
    models = await client.models.list()
    assert counted.input_tokens > 0
    assert MODEL in [model.id for model in models.data]
    assert [call.status for call in upstream.log] == [200, 200]
