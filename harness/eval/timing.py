"""How long a rewrite takes on histories of 200K and 1M tokens.

The history is several sessions after each other, with ids of their own. *Rewrite*: what is done for
one request once its body is split: lineage, recorded decisions, a new epoch where one is due, the
body to send. *Epoch*: the same for a request that has to begin one, with nothing recorded yet. All
in CPU time, which is the time on a core of its own.
"""

from collections.abc import Sequence
from dataclasses import replace
from time import process_time

import msgspec

from harness.eval.client import Client, encode, frame
from harness.eval.epoch_ledger import EpochBook, rewrite_request
from harness.eval.means import percentile
from harness.eval.profiles import PRESERVED
from harness.eval.sessions import Session, Turn
from harness.eval.sized_message import size_message
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, RewriteOutcome
from palimpsest.dialects.anthropic.body import build_body
from palimpsest.dialects.anthropic.dialect import parse
from palimpsest.dialects.model import RequestView

SIZES = (200_000, 1_000_000)
_TURNS, _EVERY = 120, 6
_FORCED = 100_000


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds of CPU, for requests at that many tokens of client history; ``first``: the first
    time that a process sees the history, an epoch begins with it."""

    tokens: int
    messages: int
    first: float
    rewrite_p50: float
    rewrite_p95: float
    epoch_p50: float
    epoch_p95: float


def measure_times(sessions: Sequence[Session], tokens: int) -> Times:
    """The times at that length, over the last 120 requests before it."""
    info = PRESERVED.info("")
    situation = Conditions(info, PRESERVED.limit(info), info.ratio, idle=1.0)
    turns = endless(sessions, tokens / info.ratio, info.image_tokens)
    client, book = Client(frame(info.name)), EpochBook()
    usual: list[float] = []
    epochs: list[float] = []
    measured = [i for i, turn in enumerate(turns) if turn.is_reply and i][-_TURNS:]
    heard = 0
    for number, position in enumerate(measured):
        for turn in turns[heard:position]:
            client.append(turn.message)
        heard = position
        view = parse(client.body(client.messages()))
        took, outcome = _milliseconds(view, book, situation)
        usual.append(took)
        if outcome.vain or outcome.is_new:
            situation = replace(situation, vain=outcome.tokens if outcome.vain else 0)
        if number % _EVERY == 0:
            forced = replace(situation, limit=_FORCED, vain=0)
            epochs.append(_milliseconds(view, {}, forced)[0])
    return Times(
        tokens=tokens,
        messages=len(turns),
        first=round(usual[0], 1),
        rewrite_p50=round(percentile(usual[1:], 0.5), 2),
        rewrite_p95=round(percentile(usual[1:], 0.95), 2),
        epoch_p50=round(percentile(epochs, 0.5), 2),
        epoch_p95=round(percentile(epochs, 0.95), 2),
    )


def _milliseconds(
    view: RequestView, book: EpochBook, situation: Conditions
) -> tuple[float, RewriteOutcome]:
    begun = process_time()
    outcome = rewrite_request(view, book, situation, Policy())
    build_body(view, outcome.messages)
    return (process_time() - begun) * 1000, outcome


def endless(sessions: Sequence[Session], counted: float, image_cap: int) -> list[Turn]:
    """Sessions after each other, again and again, until they have that many estimated tokens."""
    turns: list[Turn] = []
    total, round_ = 0.0, 0
    while sessions:
        for session in sessions:
            for turn in session.turns:
                if total >= counted:
                    return turns
                message = _fresh(turn, f"_{round_}")
                total += size_message(encode(message.message), image_cap).tokens
                turns.append(message)
            round_ += 1
    return turns


def _fresh(turn: Turn, suffix: str) -> Turn:
    content = [
        {**block, name: block[name] + suffix}
        if (name := {"tool_use": "id", "tool_result": "tool_use_id"}.get(block["type"]))
        else block
        for block in turn.message["content"]
    ]
    return replace(turn, message={**turn.message, "content": content})
