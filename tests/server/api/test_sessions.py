"""After the client's own compaction a conversation goes on, through the running proxy."""

import secrets
from typing import Any

import httpx
import pytest

from tests.support.messages import SUMMARY
from tests.support.proxy import RunningProxy
from tests.support.requests import ID, ended

SESSION, AGENT = "x-claude-code-session-id", "x-claude-code-agent-id"
TOOLS = [{"name": "Read", "description": "Read it.", "input_schema": {"type": "object"}}]
FORMAT = {"format": {"type": "json_schema", "schema": {"type": "object"}}}


class Client:
    """One session's client; no two have a message in common."""

    def __init__(self, running: RunningProxy) -> None:
        self._running = running
        self.session = secrets.token_hex(8)
        self.summary = f"{SUMMARY} {self.session}"

    async def place(
        self, *texts: str, headers: dict[str, str] | None = None, **fields: Any
    ) -> tuple[str, int]:
        """Conversation and turn of a request with these messages, of user and assistant in turn."""
        roles = ("user", "assistant")
        messages = [{"role": roles[n % 2], "content": said} for n, said in enumerate(texts)]
        body = {"model": "claude-sonnet-4-6", "max_tokens": 50, "tools": TOOLS, **fields}
        async with httpx.AsyncClient(base_url=self._running.url, trust_env=False) as client:
            answer = await client.post(
                "/v1/messages",
                json={**body, "messages": messages},
                headers={
                    "x-api-key": "sk-ant-test",
                    "anthropic-version": "2023-06-01",
                    SESSION: self.session,
                    **(headers or {}),
                },
            )
        state = await ended(self._running, answer.headers[ID])
        return state["conversation"], state["turn"]


@pytest.fixture
def client(running: RunningProxy) -> Client:
    return Client(running)


async def test_it_goes_on_as_a_branch(client: Client) -> None:
    opening = f"Mend it {client.session}"
    conversation, first = await client.place(opening)
    assert first == 1
    assert await client.place(opening, "Done.", "Sum up.") == (conversation, 2)
    assert await client.place(client.summary) == (conversation, 3)
    after = [client.summary, "Yes.", "Go on."]
    assert await client.place(*after) == (conversation, 4), "now by its own lineage"
    assert await client.place(opening, "Done.", "No, this.") == (conversation, 2), "a rewind"
    again = f"{client.summary} And again."
    assert (await client.place(again))[0] == conversation, "compacted twice"


async def test_what_was_refused_first_is_placed_alike(
    running: RunningProxy, client: Client
) -> None:
    """Thinking that was bound to what is summed up: the client sends the turn without it."""
    conversation, _ = await client.place(f"Mend it {client.session}")
    refused = await client.place(client.summary, max_tokens=0)
    assert await client.place(client.summary) == refused == (conversation, 2)


@pytest.mark.parametrize(
    ("headers", "fields"),
    [
        ({AGENT: "agent"}, {}),
        ({}, {"tools": []}),
        ({}, {"output_config": FORMAT}),
        ({SESSION: "of a fork"}, {}),
    ],
    ids=["sub-agent", "no tools", "title", "another session"],
)
async def test_only_the_sessions_main_line_goes_on(
    client: Client, headers: dict[str, str], fields: dict[str, Any]
) -> None:
    conversation, _ = await client.place(f"Mend it {client.session}")
    other, turn = await client.place(client.summary, headers=headers, **fields)
    assert (other != conversation, turn) == (True, 1)


async def test_side_lines_do_not_take_the_sessions_place(client: Client) -> None:
    conversation, _ = await client.place(f"Mend it {client.session}")
    await client.place(f"A subtask {client.session}", headers={AGENT: "agent"})
    await client.place(f"A title {client.session}", output_config=FORMAT)
    assert await client.place(client.summary) == (conversation, 2)


async def test_a_cleared_history_is_a_new_conversation(client: Client) -> None:
    first, _ = await client.place(f"Mend it {client.session}")
    cleared, turn = await client.place(f"Something else {client.session}")
    assert (cleared != first, turn) == (True, 1)
    assert await client.place(client.summary) == (cleared, 2), "the newest is what was summed up"
