"""A fact that was said in one conversation, to be recalled in another."""

from sqlalchemy import text

from harness.simulator import Simulator
from tests.support.person import Talk
from tests.support.proxy import RunningProxy
from tests.support.requests import eventually

ARCHIVED = text("""
SELECT count(DISTINCT conversation_id) AS n FROM memories
WHERE project = :project AND strpos(text, :words) > 0
""")

FACT = "The staging database of the billing service listens on port 5433 of host db-7."

QUESTION = "Which port does the staging database of the billing service listen on?"

SETTLED = {
    "intelligence": "on",
    "learning": "on",
    "learning_idle": 0,
    "learning_rate": 100,
    "intelligence_deadline": 20,
}


async def learned(running: RunningProxy, project: str, words: str = "") -> None:
    """Until a conversation of the project with these words is in the archive, and in the index.
    Each turn is a segment of its own here, and may come later than those before it."""
    await eventually(lambda: archived(running, project, words), bool)
    assert await running.process.memory.indexer.catch_up(20)


async def archived(running: RunningProxy, project: str, words: str) -> int:
    rows = await running.process.stores.database.run(ARCHIVED, {"project": project, "words": words})
    return rows[0]["n"]


async def told(running: RunningProxy, upstream: Simulator, project: str) -> None:
    """A conversation in which the fact is told, and kept; equal beginnings are one conversation."""
    talk = Talk(upstream, project)
    await talk.says(running.url, f"I work in {project}.")
    await talk.says(running.url, FACT)
    await learned(running, project, FACT)
