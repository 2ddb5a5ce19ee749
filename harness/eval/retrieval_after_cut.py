"""Retrieval of what an epoch cut, on a person's next turn: needed results, their use, the cost.

Sessions run at a limit of 60,000 tokens, so that most of them are cut. Whatever an epoch is about
goes into the product's archive and index; each later turn of a person asks the product's
retriever, and what it tells is put into the ledger as in the product. A needed result
(harness/eval/needs.py) is *back* when a part of its message, or a rare string that a later call
takes from it, is told. A part that is told is *used* when one of the next 40 replies says a rare
string of it that stands nowhere else in the prompt.
"""

import asyncio
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from harness.eval.client import (
    Client,
    encode,
    frame,
    system_tokens,
)
from harness.eval.epoch_ledger import EpochBook, rewrite_request
from harness.eval.index import TENANT, EvalIndex
from harness.eval.messages import Message
from harness.eval.meter import Meter
from harness.eval.needs import (
    HORIZON,
    Needs,
    iterate_strings,
    rare_strings,
)
from harness.eval.profiles import RECORDED
from harness.eval.sessions import (
    HALVES,
    UNREADABLE,
    Half,
    Session,
    load,
)
from harness.simulator.shape import blocks
from palimpsest.context.model import (
    Cause,
    Epoch,
    Injection,
)
from palimpsest.context.planner import Policy
from palimpsest.context.rewriting import Conditions, replay
from palimpsest.context.speech import newest_turn
from palimpsest.conversations.lineage import chain, root
from palimpsest.dialects.anthropic.dialect import DIALECT, parse
from palimpsest.dialects.model import RequestView
from palimpsest.dialects.tokenizer import text_tokens
from palimpsest.memory.archive import ConversationMessage, Origin, archive_messages
from palimpsest.memory.injection import InjectionText, compose_injection, injection_budget
from palimpsest.memory.model import Memory
from palimpsest.memory.query import Query
from palimpsest.store.vectors.model import Match

LIMIT = 60_000
BUDGET = 4_000
THRESHOLD = 0.5
_ROOT = root("eval")
_COLUMNS = ("turns", "told", "cut", "back", "tokens", "used", "cost")


class RetrievalAfterCut(msgspec.Struct, frozen=True, kw_only=True):
    """Of one session. ``turns`` of a person came after an epoch; ``missing`` needed results were
    cut at them, ``back`` of these were told; ``tokens`` were told and ``used`` of them used;
    billed tokens are those of the whole session."""

    session: str
    half: Half
    turns: int = 0
    told: int = 0
    missing: int = 0
    back: int = 0
    tokens: int = 0
    used: int = 0
    billed: float = 0.0
    billed_without: float = 0.0


@dataclass
class _Tally:
    turns: int = 0
    told: int = 0
    missing: int = 0
    back: int = 0
    tokens: int = 0
    used: int = 0


async def measure_session(session: Session, index: EvalIndex) -> RetrievalAfterCut:
    """One session, with what comes back and without."""
    tally = _Tally()
    billed = await _SessionReplay(session, index, tally).billed()
    without = await _SessionReplay(session, None, tally).billed() if tally.told else billed
    return RetrievalAfterCut(
        session=session.id,
        half=session.half,
        billed=round(billed),
        billed_without=round(without),
        **asdict(tally),
    )


class _SessionReplay:
    """One session on its way; without an index nothing is injected."""

    def __init__(self, session: Session, index: EvalIndex | None, tally: _Tally) -> None:
        self._session = session
        self._index = index
        self._tally = tally
        self._needs = Needs.from_session(session)
        self._book: EpochBook = {}
        self._epoch: Epoch | None = None
        self._kept = 0

    async def billed(self) -> float:
        """What the session costs, in billed-equivalent input tokens."""
        info = RECORDED.info(self._session.model)
        system = system_tokens(self._session)
        request = frame(info.name, system)
        client, meter = Client(request), Meter(request, info, system)
        vain = 0
        for position, turn in enumerate(self._session.turns):
            if turn.is_reply and position:
                view = parse(client.body(client.messages()))
                situation = Conditions(info, LIMIT, info.ratio, 1.0, vain=vain)
                told = await self._told(view, position, info.ratio)
                outcome = rewrite_request(view, self._book, situation, Policy(), told)
                vain = outcome.tokens if outcome.vain else vain
                meter.take(outcome.messages, self._session.turns[position - 1].at)
                self._epoch = outcome.epoch
                if outcome.is_new and outcome.epoch and outcome.epoch.cause is not Cause.INJECTION:
                    await self._keep(view)
            client.append(turn.message)
        return meter.billed

    async def _keep(self, view: RequestView) -> None:
        """An epoch has cut: what it is about goes into the archive."""
        if self._index is None:
            return
        said = [
            ConversationMessage(raw, name, self._time(position))
            for position, (raw, name) in enumerate(
                zip(view.messages, chain(_ROOT, view.messages, DIALECT), strict=True)
            )
        ]
        origin = Origin(TENANT, self._session.id, self._session.id)
        first = max(0, self._kept - 1)
        await self._index.add(
            list(archive_messages(origin, said[first:], DIALECT, first=first, since=self._kept))
        )
        self._kept = len(said)

    async def _told(self, view: RequestView, position: int, ratio: float) -> Injection | None:
        """What is recalled for the reply at that position."""
        turn = newest_turn(view)
        if self._index is None or turn is None or not self._kept:
            return None
        cut = self._epoch.reduced() if self._epoch else set[int]()
        now = self._time(position)
        name = self._session.id
        query = Query(text=turn.text, project=name, conversation=name, now=now)

        def present(found: Match) -> bool:
            return found.position < len(view.messages) and found.position not in cut

        memories = await self._index.retrieve(query, present, THRESHOLD)
        prompt = replay(view, self._epoch, ratio).tokens
        standing = sum(recall.tokens for recall in self._epoch.injections) if self._epoch else 0
        budget = injection_budget(BUDGET, prompt, round(standing * ratio))
        told = compose_injection(
            memories, DIALECT, conversation=name, now=now, budget=round(budget / ratio)
        )
        self._judge(told, memories, view, position, cut)
        if told is None:
            return None
        return Injection(turn.position, told.block, told.tokens, told.memories, told.summary)

    def _judge(
        self,
        told: InjectionText | None,
        memories: Sequence[Memory],
        view: RequestView,
        position: int,
        cut: set[int],
    ) -> None:
        tally = self._tally
        tally.turns += 1
        named = self._named(position)
        needed = self._needs.needed_at(position)
        missing = [one for one in self._needs.results if one.id in needed and one.position in cut]
        tally.missing += len(missing)
        if told is None:
            return
        chosen = [memory for memory in memories if memory.id in told.memories]
        words = {text for memory in chosen for text in rare_strings(memory.text)}
        places = {memory.position for memory in chosen}
        tally.told += 1
        tally.back += sum(
            one.position in places or bool(words & named & one.strings) for one in missing
        )
        tally.tokens += told.tokens
        seen = b"".join(raw for at, raw in enumerate(view.messages) if at not in cut)
        tally.used += sum(
            text_tokens(memory.text)
            for memory in chosen
            if any(encode(text)[1:-1] not in seen for text in {*rare_strings(memory.text)} & named)
        )

    def _named(self, position: int) -> set[str]:
        """The rare strings of the next replies, in their words and in their calls."""
        replies = (turn.message for turn in self._session.turns[position:] if turn.is_reply)
        return {
            text
            for message in islice(replies, HORIZON)
            for told in iterate_strings(_spoken(message))
            for text in rare_strings(told)
        }

    def _time(self, position: int) -> datetime:
        return datetime.fromtimestamp(self._session.turns[position].at, UTC)


def _spoken(message: Message) -> list[Any]:
    return [block.get("text") or block.get("input") or "" for block in blocks(message["content"])]


async def measure_sessions(sessions: Iterable[Session]) -> list[RetrievalAfterCut]:
    async with EvalIndex.running() as index:
        return [await measure_session(session, index) for session in sessions]


def render(found: Sequence[RetrievalAfterCut]) -> str:
    """The table, per half and of all."""
    lines = [
        f"What a turn of a person brings back of what was cut, at {LIMIT:,} tokens",
        f"{'':<10} " + " ".join(f"{name:>7}" for name in _COLUMNS),
    ]
    for name in (*HALVES, "all"):
        some = [one for one in found if name in (one.half, "all")]
        if some:
            lines.append(_row(name, some))
    return "\n".join(lines)


def _row(name: str, found: Sequence[RetrievalAfterCut]) -> str:
    def total(field: str) -> float:
        return sum(getattr(one, field) for one in found)

    told = [one for one in found if one.told]
    billed = sum(one.billed for one in told)
    cost = billed / max(1.0, sum(one.billed_without for one in told)) - 1
    return (
        f"{name:<10} {total('turns'):>7.0f} {total('told'):>7.0f} {total('missing'):>7.0f}"
        f" {total('back') / max(1.0, total('missing')):>7.1%} {total('tokens'):>7.0f}"
        f" {total('used') / max(1.0, total('tokens')):>7.1%} {cost:>+7.1%}"
    )


def measure_and_write(files: Sequence[Path], output: Path) -> str:
    """The table of what was measured, and written, a row for each session."""
    found = asyncio.run(measure_sessions(_sessions(files)))
    output.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return f"{render(found)}\n\nwritten to {output}"


def _sessions(files: Sequence[Path]) -> Iterator[Session]:
    for path in files:
        try:
            yield load(path)
        except UNREADABLE as error:
            print(f"! {path.name}: {error}", file=sys.stderr, flush=True)
