"""One session through one strategy, call by call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from harness.eval.client import Client, frame, system_tokens
from harness.eval.compaction import Compaction
from harness.eval.epoch_ledger import Ledger
from harness.eval.judge import Judge
from harness.eval.meter import Meter
from harness.eval.needles import Needle, NeedlePlace
from harness.eval.profiles import Profile
from harness.eval.recency import Recency
from harness.eval.sessions import Half, Session
from harness.eval.signer import Signer
from harness.eval.strategies import (
    ClientRequest,
    PassThrough,
    Strategy,
    StrategyContext,
    UpstreamRequest,
)

STRATEGIES: dict[str, Callable[[StrategyContext], Strategy]] = {
    "pass-through": lambda context: PassThrough(),
    "compaction": Compaction,
    "recency": Recency,
    "ledger": Ledger,
}


class NeedleCounts(msgspec.Struct, frozen=True):
    """Needles found of those planted."""

    user: int = 0
    user_of: int = 0
    tool: int = 0
    tool_of: int = 0
    lost: tuple[str, ...] = ()


class SessionReplay(msgspec.Struct, frozen=True, kw_only=True):
    """A session's figures. ``longest``: its own prompt at its largest, in tokens; ``billed`` in
    tokens, ``stable`` a mean share; needles as they stood at the last call."""

    session: str
    half: Half
    profile: str
    strategy: str
    beyond: bool
    longest: int
    calls: int
    completed: int
    overflows: int
    violations: int
    first_violation: str | None
    peak: int
    billed: float
    stable: float
    breaks: int
    epochs: int
    needles: NeedleCounts


@dataclass
class _Tally:
    completed: int = 0
    overflows: int = 0
    violations: int = 0
    first: str | None = None
    epochs: int = 0
    longest: int = 0
    sent: Sequence[bytes] = ()


def replay(session: Session, needles: list[Needle], profile: Profile, name: str) -> SessionReplay:
    """Every call of the session through the strategy of that name."""
    info = profile.info(session.model)
    system = system_tokens(session)
    request = frame(info.name, system)
    signer, client = Signer(), Client(request)
    meter = Meter(request, info, system)
    judge = Judge(request, signer.seal, info.image_tokens)
    strategy = STRATEGIES[name](StrategyContext(info, profile.limit(info), meter))
    window = profile.overflow(info)
    tally = _Tally()
    for position, turn in enumerate(session.turns):
        message = turn.message
        if turn.is_reply and position:
            client_request = _client_request(session, position, client)
            tally.longest = max(tally.longest, meter.tokens(client_request.messages))
            sent = strategy.send(client_request)
            _record(sent, client_request, meter, judge, tally, window)
            message = signer.reply(message, judge.binder)
        client.append(message)
    return SessionReplay(
        session=session.id,
        half=session.half,
        profile=profile.name,
        strategy=name,
        beyond=tally.longest > profile.limit(info),
        longest=tally.longest,
        calls=len(session.calls),
        completed=tally.completed,
        overflows=tally.overflows,
        violations=tally.violations,
        first_violation=tally.first,
        peak=meter.peak,
        billed=round(meter.billed),
        stable=sum(meter.stable) / len(meter.stable) if meter.stable else 1.0,
        breaks=meter.breaks,
        epochs=tally.epochs,
        needles=find_needles(needles, tally.sent),
    )


def _client_request(session: Session, position: int, client: Client) -> ClientRequest:
    """The request of the reply at that position; it goes out when its last message came."""
    at = session.turns[position - 1].at
    answers = (turn.at for turn in reversed(session.turns[: position - 1]) if turn.is_reply)
    answered = next(answers, None)
    idle = max(0.0, at - answered) if answered is not None else None
    return ClientRequest(client.messages(), client.body, at, idle)


def _record(
    sent: UpstreamRequest,
    request: ClientRequest,
    meter: Meter,
    judge: Judge,
    tally: _Tally,
    window: int,
) -> None:
    tally.epochs += sent.epoch
    valid = judge.check(sent.messages)
    tally.sent = sent.messages
    if not valid:
        tally.violations += 1
        tally.first = tally.first or judge.problem
    if meter.tokens(sent.messages) > window:
        tally.overflows += 1
        return
    tally.completed += valid
    meter.take(sent.messages, request.at)
    meter.billed += sent.extra


def find_needles(needles: Sequence[Needle], sent: Sequence[bytes]) -> NeedleCounts:
    """Which needles are in these messages, in their place or told of elsewhere."""
    text = b"\n".join(sent)
    lost = [needle for needle in needles if needle.key.encode() not in text]
    user = sum(needle.where is NeedlePlace.USER for needle in needles)
    lost_user = sum(needle.where is NeedlePlace.USER for needle in lost)
    tool, lost_tool = len(needles) - user, len(lost) - lost_user
    names = tuple(f"{needle.where} {needle.shape} #{needle.position}" for needle in lost)
    return NeedleCounts(user - lost_user, user, tool - lost_tool, tool, names)
