"""What one session of the real Claude Code was told, another one in the same directory hears of."""

from pathlib import Path

from sqlalchemy import text

from harness.simulator import Simulator, View
from harness.simulator.content import text as said
from harness.simulator.content import thinking, tool
from harness.simulator.shape import Obj
from tests.support.claude_code import ClaudeCode
from tests.support.person import TAG
from tests.support.proxy import Parts, RunningProxy, running_proxy
from tests.support.requests import eventually

SETTLED = {
    "intelligence": "on",
    "learning": "on",
    "learning_idle": 0,
    "learning_rate": 100,
    "intelligence_deadline": 20,
}
FACT = "Remember: the staging database of the billing service listens on port 5433 of host db-7."
QUESTION = "Which port does the staging database of the billing service listen on?"
KEPT = text("SELECT DISTINCT project FROM memories WHERE project = :project AND text LIKE '%db-7%'")


def model(view: View) -> list[Obj]:
    """Looks around once, and then is done."""
    if view.step == 0:
        return [thinking("A look first."), tool("Bash", command="ls", description="List")]
    return [thinking("Done."), said("All done.")]


async def test_a_second_session_is_told(
    claude: ClaudeCode, parts: Parts, upstream: Simulator, tmp_path: Path
) -> None:
    upstream.script.generator = model
    async with running_proxy(parts, tmp_path / "data", upstream.url, **SETTLED) as running:
        first = await claude.ask(FACT, base_url=running.url)
        assert first.result["result"] == "All done.", first.stderr
        await eventually(lambda: _projects(running, claude.directory), bool)
        assert await running.process.memory.indexer.catch_up(20)

        before = len(upstream.log.messages)
        second = await claude.ask(QUESTION, base_url=running.url)
        assert second.result["result"] == "All done.", second.stderr
        session = str(second.result["session_id"])
        third = await claude.ask("Thank you.", "--resume", session, base_url=running.url)
        assert third.result["result"] == "All done.", third.stderr

    asked = [call.body.decode() for call in upstream.log.messages[before:]]
    main = [body for body in asked if QUESTION in body]
    assert len(main) >= 4
    for body in main:
        assert body.index(QUESTION) < body.index(TAG) < body.index("port 5433 of host db-7")
    assert not [call for call in upstream.log.messages if call.facts.get("dropped")]


async def _projects(running: RunningProxy, directory: Path) -> list[str]:
    rows = await running.process.stores.database.run(KEPT, {"project": str(directory)})
    return [row["project"] for row in rows]
