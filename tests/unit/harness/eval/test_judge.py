"""The judge finds what the API would refuse, also when it looks at the new part alone."""

from collections.abc import Sequence

from harness.eval.client import (
    Client,
    encode,
    frame,
    plain,
)
from harness.eval.judge import Judge
from harness.eval.messages import Message
from harness.eval.signer import Signer
from tests.support.eval_sessions import (
    loop,
    reply,
    result,
    user,
)

MODEL = "claude-opus-5-5"


def led(messages: Sequence[Message], every: int = 1000) -> tuple[Judge, list[tuple[bytes, ...]]]:
    """The judge after all requests of that conversation, and the requests."""
    request = frame(MODEL)
    signer, client = Signer(), Client(request)
    judge = Judge(request, signer.seal, 1600, every)
    sent: list[tuple[bytes, ...]] = []
    for position, message in enumerate(messages):
        if message["role"] == "assistant" and position:
            sent.append(client.messages())
            assert judge.check(sent[-1]), judge.problem
            message = signer.reply(message, judge.binder)
        client.append(message)
    return judge, sent


def test_an_unchanged_conversation_breaks_no_rule() -> None:
    judge, sent = led(loop(8))
    assert judge.problem is None
    assert len(sent) == 9


def test_thinking_after_a_change_is_refused() -> None:
    judge, sent = led(loop(8))
    changed = list(sent[-1])
    changed[2] = encode(plain(user(result("toolu_0", "left out"))))
    assert not judge.check(changed)
    assert judge.problem == "messages.3: prefix_binding_mismatch"


def test_thinking_that_someone_else_signed_is_refused() -> None:
    judge, sent = led(loop(2))
    forged = [*sent[-1][:1], encode(loop(2)[1]), *sent[-1][2:]]
    assert not judge.check(forged)
    assert "Invalid `signature`" in str(judge.problem)


def test_a_missing_result_is_found_in_the_new_part() -> None:
    judge, sent = led(loop(8))
    tail = [encode(reply("Well.")), encode(user("Go on."))]
    assert not judge.check([*sent[-1][:-1], *tail])
    assert "without `tool_result`" in str(judge.problem)


def test_signatures_are_as_long_as_they_were() -> None:
    _, sent = led(loop(3))
    assert [len(encode(plain(message))) for message in loop(3)[:-2]] == [
        len(raw) for raw in sent[-1][:-1]
    ]
