"""Recovery of needles that an epoch cut out of a session, by a person's question.

Each session is pruned at its last point to one size. A needle whose message is not sent whole any
more is asked for by name, not by its key, as a person would who remembers that there was something;
it is *lost* where the manifest does not tell it either. The session's archive shares a project with
those of other sessions, and the block that is told has the product's budget: all of it, or what it
allows beside so small a prompt.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import NamedTuple

import msgspec

from harness.eval.client import (
    Client,
    encode,
    frame,
    plain,
)
from harness.eval.epoch_ledger import rewrite_request
from harness.eval.index import TENANT, EvalIndex
from harness.eval.needles import Needle, NeedlePlace, plant_needles
from harness.eval.profiles import RECORDED
from harness.eval.prunes import choose_points
from harness.eval.sessions import HALVES, Half, Session
from harness.eval.sized_message import size_message
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, RewriteOutcome
from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.model import RequestView
from palimpsest.learning.job import SegmentJob, run_segment_job
from palimpsest.memory.archive import Origin
from palimpsest.memory.injection import compose_injection, injection_budget
from palimpsest.memory.model import Memory
from palimpsest.memory.query import Query
from palimpsest.store.vectors.model import Match

TARGET = 40_000
BUDGET = 4_000
THRESHOLD = 0.5
_TOGETHER = 8
"""Sessions that share a project."""

_QUESTIONS = {
    "prose": "What was the rollback passphrase for the {0} cluster again?",
    "key=value": "Which deploy_token stood in the log of {0}?",
    "json": "What is {0} set to?",
    "error": "What was the number of the error about the lock on {0}?",
    "path": "Which .pem file was it that we were to see under /srv/{0}?",
    "plain": "Who has to be asked before anything is merged?",
}
"""By the needle's shape (harness/eval/needles.py), with a word of it that is not its key."""


class NeedleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One needle that was cut: whether it is lost; whether it was among what was found, and in the
    block that was told, within the whole budget and within what such a prompt is allowed; tokens of
    the latter."""

    half: Half
    where: NeedlePlace
    shape: str
    lost: bool
    found: bool
    told: bool
    told_within: bool
    tokens: int


class PrunedSession(NamedTuple):
    """A session, its memories, and the needles whose messages are not sent whole any more."""

    session: Session
    memories: Sequence[Memory]
    outcome: RewriteOutcome
    depth: int
    needles: Sequence[Needle]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of the needles of one half and ``kind``: a shape, `lost`, or `all`; tokens are the
    mean of what is allowed."""

    half: Half
    kind: str
    needles: int
    found: float
    told: float
    told_within: float
    tokens: int


def rows(answers: Sequence[NeedleAnswer]) -> list[Row]:
    """All, the lost ones, and by shape."""
    found: list[Row] = []
    for half in HALVES:
        own = [one for one in answers if one.half == half]
        shapes = sorted({one.shape for one in own})
        for kind in ("all", "lost", *shapes):
            some = [
                one for one in own if kind in ("all", one.shape) or (kind == "lost" and one.lost)
            ]
            if some:
                found.append(_row(half, kind, some))
    return found


def _row(half: Half, kind: str, some: Sequence[NeedleAnswer]) -> Row:
    return Row(
        half=half,
        kind=kind,
        needles=len(some),
        found=round(fmean(one.found for one in some), 4),
        told=round(fmean(one.told for one in some), 4),
        told_within=round(fmean(one.told_within for one in some), 4),
        tokens=round(fmean(one.tokens for one in some)),
    )


async def ask_for_needles(sessions: Sequence[Session]) -> list[NeedleAnswer]:
    """Every needle that was cut in any of the sessions."""
    answers: list[NeedleAnswer] = []
    for at in range(0, len(sessions), _TOGETHER):
        project = f"/project-{at}"
        pruned = [cut for one in sessions[at : at + _TOGETHER] if (cut := _prune(one, project))]
        async with EvalIndex.running() as index:
            for cut in pruned:
                await index.add(cut.memories)
            for cut in pruned:
                answers += [await _answer(index, project, cut, needle) for needle in cut.needles]
    return answers


def ask_without_key(needle: Needle) -> str:
    """Asks for the needle without its key."""
    match needle.shape:
        case "key=value":
            about = needle.text.split("T")[0]
        case "json":
            about = needle.text.split('"')[1]
        case "prose":
            about = needle.text.split(" cluster")[0].split()[-1]
        case "error":
            about = needle.text.split("lock on ")[1].split()[0]
        case "path":
            about = needle.text.split("/srv/")[1].split("/")[0]
        case _:
            about = ""
    return _QUESTIONS[needle.shape].format(about)


def _prune(session: Session, project: str) -> PrunedSession | None:
    """None of a session that is never large enough."""
    session, needles = plant_needles(session)
    info = RECORDED.info(session.model)
    raw = [encode(plain(turn.message)) for turn in session.turns]
    sizes = [size_message(one, info.image_tokens).tokens * info.ratio for one in raw]
    places = choose_points(session, sizes, TARGET)
    if not places:
        return None
    depth = places[-1]
    client = Client(frame(info.name))
    for turn in session.turns[:depth]:
        client.append(turn.message)
    view = parse(client.body(client.messages()))
    outcome = rewrite_request(view, {}, Conditions(info, TARGET, info.ratio), Policy(target=TARGET))
    gone = _reduced(outcome)
    cut = [needle for needle in needles if needle.position in gone]
    return PrunedSession(session, _archive(session, project, view), outcome, depth, cut)


def _reduced(outcome: RewriteOutcome) -> set[int]:
    return outcome.epoch.reduced() if outcome.epoch else set()


def _archive(session: Session, project: str, view: RequestView) -> Sequence[Memory]:
    """As a segment's workflow makes it, secrets taken out."""
    times = [datetime.fromtimestamp(turn.at, UTC) for turn in session.turns]
    origin = Origin(TENANT, project, session.id)
    chains = chain(root("eval"), view.messages, DIALECT)
    messages = tuple(view.messages)
    times = tuple(times[: len(messages)])
    return run_segment_job(
        SegmentJob(origin, messages, chains, times, first=0, since=0, archive=True)
    ).memories


async def _answer(
    index: EvalIndex, project: str, cut: PrunedSession, needle: Needle
) -> NeedleAnswer:
    gone = _reduced(cut.outcome)
    name = cut.session.id

    def present(found: Match) -> bool:
        return found.conversation == name and found.position not in gone

    now = datetime.fromtimestamp(cut.session.turns[cut.depth].at, UTC)
    query = Query(ask_without_key(needle), project, name, now=now)
    memories = await index.retrieve(query, present, THRESHOLD)
    ratio = RECORDED.info(cut.session.model).ratio
    budgets = BUDGET, injection_budget(BUDGET, cut.outcome.tokens, 0)
    full, small = (
        compose_injection(
            memories, DIALECT, conversation=name, now=now, budget=round(budget / ratio)
        )
        for budget in budgets
    )
    key = needle.key.encode()
    return NeedleAnswer(
        half=cut.session.half,
        where=needle.where,
        shape=needle.shape,
        lost=not any(key in message for message in cut.outcome.messages),
        found=any(needle.key in memory.text for memory in memories),
        told=full is not None and key in full.block,
        told_within=small is not None and key in small.block,
        tokens=small.tokens if small else 0,
    )
