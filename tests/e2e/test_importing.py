"""`palimpsest import` of what the real Claude Code wrote down, into the running stack."""

import asyncio
import sys

import httpx
import msgspec

from harness.simulator import Simulator
from palimpsest.runtime.settings import child_environment
from tests.support.claude_code import ClaudeCode
from tests.support.claude_work import with_two_agents, work_in
from tests.support.supervisor import ROOT, Up


async def command(up: Up, *arguments: str) -> str:
    """What it wrote; fails the test unless it ends well."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "palimpsest.cli", *arguments),
        env=child_environment({"PALIMPSEST_DATA_DIR": str(up.data_dir)}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=ROOT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, output.decode()
    return output.decode()


async def test_sessions_become_memories_once_and_go_again(
    claude: ClaudeCode, up: Up, upstream: Simulator
) -> None:
    upstream.script.set(work_in(claude.directory))
    secret = f"sk-ant-api03-{'a1b2c3d4' * 8}"
    first = await claude.ask(f"Make the notes with {secret}", base_url=upstream.url)
    session = str(first.result["session_id"])
    await claude.ask("And again", "--resume", session, base_url=upstream.url)
    upstream.script.generator = with_two_agents
    await claude.ask("Two at once", base_url=upstream.url)

    folder = str(claude.directory.parent / ".claude/projects")
    told = (await command(up, "import", folder)).splitlines()
    assert told[-1].startswith("2 files (2 taken): "), told
    again = (await command(up, "import", folder)).splitlines()
    assert again[-1].endswith("0 new turns, 0 new learned, 0 malformed lines"), again

    project = str(claude.directory)
    lines = await command(up, "memory", "list", "--project", project, "--limit", "1000")
    for words in ("Make the notes with [secret: anthropic key]", "And again", "Two at once"):
        assert sum(line.endswith(f"user  {words}") for line in lines.splitlines()) == 1, lines
    assert "Write notes.txt" in lines
    assert "Sub done." in lines
    assert secret not in await command(up, "memory", "export", "--project", project)

    async with httpx.AsyncClient(base_url=up.url, timeout=60) as client:
        client.headers["authorization"] = f"Bearer {(up.data_dir / 'token').read_text().strip()}"
        deleted = (await client.delete("/v1/memory", params={"project": project})).json()
    assert deleted["deleted"]["memories"] == len(lines.splitlines())
    assert deleted["checked"] == {"memories": 0, "captured": 0, "index": 0}
    gone = msgspec.json.decode(await command(up, "memory", "delete", "--project", project))
    assert gone["deleted"]["memories"] == 0
    last = (await command(up, "import", folder)).splitlines()
    assert ", 0 new turns" in last[-1], "what was deleted does not come back"


async def test_what_came_through_the_proxy_is_not_filed_twice(
    claude: ClaudeCode, up: Up, upstream: Simulator
) -> None:
    folder = str(claude.directory.parent / ".claude/projects")
    await claude.ask("Through the proxy", base_url=up.url)
    told = await command(up, "import", folder)
    assert told.splitlines()[-1].startswith("1 files (1 carried): "), told
    gone = msgspec.json.decode(
        await command(up, "memory", "delete", "--project", str(claude.directory))
    )
    assert (gone["deleted"]["requests"], gone["remaining"]) == (1, 0)
    told = await command(up, "import", folder)
    assert told.splitlines()[-1].startswith("1 files (1 opted_out): "), told
