"""`POST /v1/messages` passes both ways byte for byte."""

import anthropic
import httpx
import msgspec

from harness.simulator import Simulator
from tests.support.proxy import RunningProxy

HEADERS = {"x-api-key": "sk-ant-test", "anthropic-version": "2023-06-01"}


def message(text: str, **fields: object) -> bytes:
    body = {"model": "claude-sonnet-4-6", "max_tokens": 64, **fields}
    return msgspec.json.encode({**body, "messages": [{"role": "user", "content": text}]})


async def test_body_and_answer_pass_byte_for_byte(
    running: RunningProxy, upstream: Simulator
) -> None:
    body = (
        b'{ "messages":[{"role":"user","content":"h\\u00e9"}],\n'
        b'"max_tokens":5,"model":"claude-sonnet-4-6"}'
    )
    async with httpx.AsyncClient() as client:
        answer = await client.post(
            f"{running.url}/v1/messages?beta=true", content=body, headers=HEADERS
        )
    assert answer.status_code == 200
    [call] = upstream.log.messages
    assert call.body == body
    assert call.path == "/v1/messages?beta=true"
    assert answer.content == bytes(call.answer)


async def test_streams_through_the_sdk(running: RunningProxy) -> None:
    client = anthropic.AsyncAnthropic(base_url=running.url, api_key="sk-ant-test", max_retries=0)
    async with (
        client,
        client.messages.stream(
            model="claude-sonnet-4-6",
            max_tokens=64,
            messages=[{"role": "user", "content": "hello"}],
        ) as stream,
    ):
        text = await stream.get_final_text()
    assert text
