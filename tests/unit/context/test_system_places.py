"""System messages in mid-conversation keep the neighbours without which the API refuses them."""

import msgspec
import pytest

from harness.simulator.ask import (
    MODEL,
    assistant,
    request,
    result,
    system,
    use,
    user,
)
from harness.simulator.content import text
from harness.simulator.request import judge
from harness.simulator.seal import Seal
from harness.simulator.shape import Obj
from harness.simulator.tokens import Tokens
from harness.simulator.view import view
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, rewrite
from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.body import build_body
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.anthropic.models import lookup

TURNS, CALLS = 30, 3
OUTPUT = "a line of output\n" * 400


def talked(*, interrupted: bool, reminded: bool, ended: bool) -> list[Obj]:
    """Turns that begin with a user's and a system's message, as Claude Code's do. ``interrupted``:
    the user speaks beside the first result; ``reminded``: the system speaks in mid-loop; ``ended``:
    the turn ends with the assistant's words."""
    messages: list[Obj] = []
    for turn in range(TURNS):
        messages += [user(f"Do {turn}."), system("Be brief.")]
        for call in range(CALLS):
            name = f"call_{turn}_{call}"
            words = [text("Not so.")] if interrupted and call == 0 else []
            messages += [assistant(use(name)), user(result(name, f"{name} {OUTPUT}"), *words)]
            if reminded and call == 1:
                messages.append(system("Remember."))
        if ended:
            messages.append(assistant("It is done. " * 20))
    return [*messages, user("Go on.")]


@pytest.mark.parametrize("limit", [60_000, 12_000])
@pytest.mark.parametrize("interrupted", [False, True])
@pytest.mark.parametrize("reminded", [False, True])
@pytest.mark.parametrize("ended", [False, True])
def test_every_system_message_stays_where_it_may_stand(
    limit: int, *, interrupted: bool, reminded: bool, ended: bool
) -> None:
    messages = talked(interrupted=interrupted, reminded=reminded, ended=ended)
    asked = parse(msgspec.json.encode(request(*messages)))
    situation = Conditions(info=lookup(MODEL), limit=limit, ratio=1.3)
    outcome = rewrite(
        asked, chain(root("t"), asked.messages, DIALECT), None, situation, Policy(keep=3)
    )
    sent = msgspec.json.decode(build_body(asked, outcome.messages))

    assert outcome.is_new
    judge(view(sent, {"x-api-key": "k"}), tokens=Tokens(), seal=Seal())
    spoken = [message for message in messages if message["role"] == "system"]
    assert [message for message in sent["messages"] if message["role"] == "system"] == spoken
