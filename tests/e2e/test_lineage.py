"""Real Claude Code conversations, recorded: which of its requests belong together."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from harness.simulator import Fault, Simulator, View
from harness.simulator.content import text, thinking, tool
from harness.simulator.rules_thinking import bound_elsewhere
from harness.simulator.shape import blocks
from tests.support.claude_code import ClaudeCode
from tests.support.recording import Recording, Turn
from tests.support.supervisor import Up, until
from tests.support.tap import Tap
from tests.support.traffic import renew
from tests.support.whole_stack import until_ready

LOOP = 4
SUMMARY = "<analysis>-</analysis><summary>All of it.</summary>"
BOUND = bound_elsewhere("messages.2.content.0", "thinking", "", told=False).message


def model(view: View) -> list[dict[str, Any]]:
    """Works in a loop of calls; sends sub-agents, or sums up, when it is told to."""
    newest = "\n".join(str(b.get("text", "")) for b in blocks(view.messages[-1].get("content")))
    if "create a detailed summary" in newest:
        return [thinking("Sum up."), text(SUMMARY)]
    if "SUBTASK" in view.last_text:
        return [text("Sub done.")] if view.step else [thinking("Sub."), bash(0)]
    if "Send two" in view.last_text and view.step == 0:
        agent = {"description": "a task", "subagent_type": "general-purpose"}
        calls = 2 * [tool("Agent", prompt="SUBTASK", run_in_background=False, **agent)]
        return [thinking("Two at once."), *calls]
    if "loop" in view.last_text and view.step < LOOP - 1:
        return [thinking(f"Step {view.step}."), bash(view.step), bash(view.step + 10)]
    return [thinking("Done."), text("All done.")]


def bash(number: int) -> dict[str, Any]:
    return tool("Bash", command=f"echo {number}", description="Say a number")


class Story:
    """A user who talks to Claude Code; ``told`` holds the turns of each part of it."""

    def __init__(self, claude: ClaudeCode, tap: Tap, recording: Recording) -> None:
        self._claude, self._tap, self._recording = claude, tap, recording
        self.told: dict[str, list[Turn]] = {}

    @property
    def turns(self) -> list[Turn]:
        return self._recording.turns

    async def part(self, name: str, prompt: str, *arguments: str) -> str:
        """One run of the CLI, which must end well; its session."""
        said = await self._claude.ask(prompt, *arguments, base_url=self._tap.url)
        assert said.status == 0, said.stdout + said.stderr
        self.told[name] = await self._recording.new()
        return str(said.result["session_id"])

    async def typed(self, name: str, prompt: str) -> None:
        """One prompt at a terminal, in a session that gets a title."""
        async with self._claude.interactive(self._tap.url, titles=True) as terminal:
            await terminal.until("for agents")
            terminal.type(prompt)
            await terminal.until(prompt)
            terminal.type("\r")
            await terminal.until("All done.")
            await until(lambda: all(answer.whole for _, answer in self._tap.exchanges))
        self.told[name] = await self._recording.new()


@pytest.fixture(scope="module")
async def story(
    claude_program: Path,
    provider: Simulator,
    shared_up: Up,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Story]:
    folder = tmp_path_factory.mktemp("recording")
    await until_ready(shared_up)
    renew(provider)
    provider.script.generator = model
    async with Tap.before(shared_up.port) as tap:
        claude = ClaudeCode(claude_program, folder / "user")
        story = Story(claude, tap, Recording(folder, tap, shared_up))
        session = await story.part("loop", "Go and loop")
        await story.part("resumed", "Again the loop", "--resume", session)
        await story.part("agents", "Send two", "--resume", session)
        fork = await story.part("fork", "Fork and loop", "--resume", session, "--fork-session")
        await story.part("original", "Stay and loop", "--resume", session)
        await story.part("fork again", "And on", "--resume", fork)
        provider.faults.push(Fault("status", status=400, message=BOUND))
        await story.part("bound", "Go on and loop", "--resume", session)
        await story.part("named", "/rename", "--resume", session)
        await story.part("compacted", "/compact", "--resume", session)
        await story.part("after", "The loop goes on", "--resume", session)
        await story.part("later", "And ends", "--resume", session)
        await story.typed("titled", "Write about the parser")
        yield story


def of_one_conversation(turns: list[Turn], first: int) -> bool:
    """Whether the turns follow each other, counted from ``first``."""
    numbers = [turn.number for turn in turns]
    return len({turn.conversation for turn in turns}) == 1 and numbers == list(
        range(first, first + len(turns))
    )


def test_every_turn_goes_on_from_the_longest_one_it_extends(story: Story) -> None:
    """The rule itself, worked out from the recorded bodies alone."""
    assert len(story.turns) > 30
    for index, turn in enumerate(story.turns):
        earlier = [
            one
            for one in story.turns[:index]
            if one.status == 200 and one.ended < turn.began and turn.extends(one)
        ]
        if not earlier and not turn.compacted:
            assert turn.number == 1
        if not earlier:
            continue
        longest = max(len(one.chain) for one in earlier)
        heads = [one for one in earlier if len(one.chain) == longest]
        assert (turn.conversation, turn.number) in [(h.conversation, h.number + 1) for h in heads]


def test_a_tool_loop_and_its_resumption_are_one_conversation(story: Story) -> None:
    turns = story.told["loop"] + story.told["resumed"]
    assert len(turns) == 2 * LOOP
    assert of_one_conversation(turns, 1)
    assert turns[-1].thoughts == len(turns) - 1, "all thinking came back"


def test_sub_agents_are_other_conversations(story: Story) -> None:
    turns = story.told["agents"]
    main = [turn for turn in turns if turn.agent is None]
    assert of_one_conversation(story.told["resumed"] + main, LOOP + 1)
    agents = [turn for turn in turns if turn.agent]
    assert len({turn.agent for turn in agents}) == 2
    assert main[0].conversation not in {turn.conversation for turn in agents}
    for agent in {turn.agent for turn in agents}:
        first, second = [turn for turn in agents if turn.agent == agent]
        assert (first.number, second.number) == (1, 2)
        assert second.extends(first)


def test_a_fork_goes_on_from_what_it_shares(story: Story) -> None:
    fork, original = story.told["fork"], story.told["original"]
    shared = [turn for turn in story.told["agents"] if turn.agent is None]
    assert fork[0].session != original[0].session
    assert of_one_conversation([*shared, *fork], shared[0].number)
    assert of_one_conversation([*shared, *original], shared[0].number)
    assert of_one_conversation([*fork, *story.told["fork again"]], fork[0].number)
    assert not any(turn.extends(one) for turn in original for one in fork)
    assert not any(turn.extends(one) for turn in story.told["fork again"] for one in original)


def test_thinking_removed_after_a_refusal_is_no_other_conversation(story: Story) -> None:
    refused, again, *rest = story.told["bound"]
    assert (refused.status, again.status) == (400, 200)
    assert refused.thoughts > 10
    assert again.thoughts == 0
    assert again.chain == refused.chain
    assert of_one_conversation([*story.told["original"], again, *rest], LOOP * 2 + 3)
    assert refused.conversation == again.conversation
    assert len(rest) == LOOP - 1


def test_a_title_is_apart(story: Story) -> None:
    [name] = story.told["named"]
    title, *work = sorted(story.told["titled"], key=lambda turn: "format" not in _format(turn))
    for turn in (name, title):
        assert "format" in _format(turn)
        assert turn.number == 1
        others = [one for one in story.turns if one is not turn]
        assert turn.conversation not in {one.conversation for one in others}
    assert of_one_conversation(work, 1)
    assert title.session == work[0].session


def _format(turn: Turn) -> dict[str, Any]:
    return turn.body.get("output_config", {})


def test_a_compaction_begins_a_branch_of_the_same_conversation(story: Story) -> None:
    [compacting] = story.told["compacted"]
    _, first, *newest = story.told["bound"]
    assert compacting.conversation == first.conversation
    assert compacting.extends(first)
    assert not compacting.extends(newest[-1]), "the newest messages are kept as they are"
    refused, *after = story.told["after"] + story.told["later"]
    assert compacting.session == after[0].session
    assert refused.status == 400, "the thinking it kept is bound to what it summed up"
    assert refused.thoughts > after[0].thoughts == 0
    assert refused.compacted
    assert not any(turn.extends(one) for turn in after for one in (compacting, *newest))
    assert of_one_conversation([compacting, refused], compacting.number)
    assert of_one_conversation([compacting, *after], compacting.number)
    assert "All of it." in str(after[0].body["messages"][0])
