"""The real Claude Code at a job whose tool outputs add up to three windows of its model."""

from typing import Any

import msgspec
import pytest

from harness.simulator import Call, Simulator, models
from harness.simulator.shape import blocks
from harness.simulator.tokens import Tokens
from tests.support.claude_code import ClaudeCode
from tests.support.long_job import Job
from tests.support.supervisor import Up
from tests.support.tap import Tap

CAP = 180_000
PARTS = 3
PATIENCE = 240
LATE = 0.05
"""The share of turns that may go above the cap, since their plans came too late."""


def prompt_tokens(call: Call) -> int:
    usage = call.facts["usage"]
    kinds = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return sum(usage[kind] for kind in kinds)


def tool_tokens(body: bytes, ratio: float) -> int:
    """Tokens of all tool results of a request."""
    messages = msgspec.json.decode(body, type=dict[str, Any])["messages"]
    content = [block for message in messages for block in blocks(message["content"])]
    results = [block for block in content if block["type"] == "tool_result"]
    return Tokens().blocks(results, ratio)


@pytest.mark.timeout(PARTS * PATIENCE)
@pytest.mark.parametrize("name", ["claude-opus-5-5", "claude-sonnet-4-5"])
async def test_three_windows(name: str, claude: ClaudeCode, up: Up, upstream: Simulator) -> None:
    """Without a compaction by the client, without an overflow, without breaking a rule."""
    model = models.find(name)
    assert model is not None
    job = Job(claude.directory, tokens=3 * model.window, ratio=model.ratio)
    upstream.script.generator = job.model
    session: tuple[str, ...] = ()
    async with Tap.before(up.port, newest_only=True) as tap:
        for part in range(PARTS):
            prompt = job.prompt(part, PARTS)
            said = await claude.ask(
                prompt, "--model", name, *session, base_url=tap.url, patience=PATIENCE
            )
            refused = [call.facts.get("error") for call in upstream.log if call.status != 200]
            assert (refused, job.compactions) == ([], 0)
            assert said.result["result"] == f"Part {part + 1} is done."
            session = ("--resume", str(said.result["session_id"]))
        newest = max((bytes(asked.body) for asked, _ in tap.exchanges), key=len)

    calls = upstream.log.messages
    assert len(calls) == job.answered
    assert tool_tokens(newest, model.ratio) > 3 * model.window
    above = [size for size in map(prompt_tokens, calls) if size > CAP]
    assert len(above) <= len(calls) * LATE, above
    assert not [call for call in calls if call.facts["dropped"]]
    assert job.notes == job.noted
