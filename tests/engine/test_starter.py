"""What the engine says of a workflow, and what it does not."""

from tests.asking import ID, client_of, eventually, message
from tests.running import RunningProxy


async def test_only_a_workflow_that_was_started_can_have_ended(running: RunningProxy) -> None:
    starter = running.proxy.starter
    assert not await starter.has_ended("req_whose_start_is_under_way")
    async with client_of(running) as client:
        answer = await client.post("/v1/messages", content=message())
    assert await eventually(lambda: starter.has_ended(answer.headers[ID]), bool)
