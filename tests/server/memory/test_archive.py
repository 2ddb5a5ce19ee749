"""What an epoch cuts is kept within seconds, while the conversation goes on."""

from pathlib import Path

from harness.simulator import Simulator
from palimpsest.memory.model import Kind, MemoryFilter
from tests.support.agent import SETTINGS, Agent
from tests.support.proxy import Parts, running_proxy
from tests.support.requests import eventually


async def test_what_is_cut_can_be_found(
    parts: Parts, url: str, upstream: Simulator, tmp_path: Path
) -> None:
    agent = Agent(upstream)
    own = Parts(parts.temporal_address, url)
    async with running_proxy(own, tmp_path, upstream.url, **SETTINGS, learning="on") as running:
        await agent.until_epoch(running.url)
        memories, turns = running.process.memory.store, MemoryFilter(kind=Kind.TURN)
        await eventually(lambda: memories.count(turns), lambda count: count > 0)
        kept = await memories.list_page(turns, limit=1000)
    cut = [memory for memory in kept if memory.position < len(agent.messages) - 4]
    assert any(memory.role == "tool" for memory in cut)
    assert any(memory.role == "user" and memory.position == 0 for memory in cut)
